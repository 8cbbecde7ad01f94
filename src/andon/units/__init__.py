"""Units and their manifest `andon.toml`. Open `model.py` first."""
