"""Personal and machine tokens for programs. Open `tokens.py` first."""
