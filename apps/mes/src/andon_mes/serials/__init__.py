"""Serials: generated for a lot, held and scrapped by a person. Open `decide.py` first."""
