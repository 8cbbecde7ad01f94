"""Reports that contradict what is closed: kept for a person, who resolves them. Open `store.py` first."""
