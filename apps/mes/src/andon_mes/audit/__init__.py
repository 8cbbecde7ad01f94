"""The audit: who changed what, and seals that show when a record was touched. Open `chain.py` first."""
