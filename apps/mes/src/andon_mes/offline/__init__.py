"""Events that were made while the MES could not be reached. Open `decide.py` first."""
