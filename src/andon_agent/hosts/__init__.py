"""How processes are started, found again and ended on each system. Open `host.py` first."""
