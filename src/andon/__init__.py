"""Andon, the control plane: builds, signs, ships, watches and takes back the software of a factory.

Open `app.py` first: it wires the parts. `docs/ARCHITECTURE.md` is the plan of the house.
"""
