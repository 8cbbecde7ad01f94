"""The plant's own noise: what its releases did minute by minute, also when none is rolled out.

`model.py` first; how noise is measured is in judge/dispersion.py.
"""
