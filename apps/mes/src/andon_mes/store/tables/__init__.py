"""The tables by what they are about. `schema.py` gives them all."""
