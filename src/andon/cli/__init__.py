"""The command `andon`. Open `main.py` first."""
