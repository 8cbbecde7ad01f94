"""Who asks, and whether they may: users, devices, the permission table. Open `rights.py` first."""
