"""What was put into a serial: the bill of materials and its scans. Open `decide.py` first."""
