"""A plant on a virtual clock, in which the real control plane runs by the thousand. Open `world.py` first."""
