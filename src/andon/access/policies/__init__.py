"""What each environment demands: approvals and signatures; versioned and signed. Open `model.py` first."""
