"""Makes containers (`andon_wire.delta`), full ones and deltas from what is in the field: open `make.py`."""
