"""A project: its folder, its rules, its schemas, its store."""
