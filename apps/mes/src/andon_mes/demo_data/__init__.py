"""A plausible plant with its production, for trying the MES out. Open `model.py`, then `line.py`.

`plant.toml` is its configuration, in the form of every import; `line.py` lets serials go through the route on
a clock of its own, by a seed; `controller.py` does what happened through the controllers of the MES.
"""
