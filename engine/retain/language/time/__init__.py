"""Local time, calendars and schedules."""
