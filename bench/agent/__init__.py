"""The crash campaign of the agent: whole stories on a disk that dies. Open `station.py` first."""
