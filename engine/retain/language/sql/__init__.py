"""Conditions as SQL: the same trees as SQLAlchemy expressions for SQLite and PostgreSQL, with the same meaning."""
