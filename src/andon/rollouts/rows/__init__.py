"""The rows of rollouts: tables, how a row is read and written. Open `store.py`."""
