"""What a decision about a serial looks at, read from the database. Open `store.py` first."""
