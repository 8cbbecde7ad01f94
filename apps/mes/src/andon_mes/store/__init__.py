"""The database: its schema, its one writer, its migrations. Open `engine.py` first."""
