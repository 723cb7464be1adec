"""Text to plan: rule files, the condition language, templates and schedules. No database, no network."""
