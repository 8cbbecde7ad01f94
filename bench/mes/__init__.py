"""Figures of the MES: `python -m bench.mes NAME`. A module for each name; `past.py` makes the rows."""
