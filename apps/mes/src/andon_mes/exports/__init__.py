"""Reports to take away: the same rows as JSON, CSV, XLSX or PDF.

Open `tables.py` first: which reports there are, and their columns. `controller.py` gives a report's rows one
by one, `form_*.py` write them to a file; nothing holds all of them at once.
"""
