"""Everything durable. With `language/sql.py` the only room that imports SQLAlchemy."""
