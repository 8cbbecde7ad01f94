"""Making desired instances true, one file per target. Open `model.py` first."""
