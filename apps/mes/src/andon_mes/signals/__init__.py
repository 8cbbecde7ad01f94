"""What control charts say aloud: signals, and the holds and calls that follow. Open `controller.py` first."""
