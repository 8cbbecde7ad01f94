"""Recounts every figure and checks the chain: what `andon-mes verify` says. Open `controller.py` first."""
