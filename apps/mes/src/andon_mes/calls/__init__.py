"""Andon calls: somebody on the line asks for help. Open `model.py` first."""
