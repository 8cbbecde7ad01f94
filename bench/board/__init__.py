"""Figures of the board: `python -m bench.board`."""
