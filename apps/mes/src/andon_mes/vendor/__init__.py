"""What vendors must send: the contract as data, and the check of a file. Open `check.py` first."""
