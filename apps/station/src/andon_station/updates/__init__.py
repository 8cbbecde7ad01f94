"""How the screen and the station's agent talk of updates. Open `present.py` first; nothing here knows Qt."""
