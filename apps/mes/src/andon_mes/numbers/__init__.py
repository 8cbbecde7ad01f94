"""Numbers, their checksum, and the calendar that dates them; all pure. Open `patterns.py` first."""
