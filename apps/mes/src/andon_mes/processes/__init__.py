"""Start and complete, the heart of the MES. Open `decide.py` first: the interlock."""
