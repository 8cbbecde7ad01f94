"""Who people are: local accounts, their passwords, and those of a directory. Open `commands.py` first."""
