"""Where a registry's static files lie. Open `protocol.py` first; one file per kind of place."""
