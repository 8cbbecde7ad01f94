"""From one place to another, verified on the way. Open `mirror.py` first."""
