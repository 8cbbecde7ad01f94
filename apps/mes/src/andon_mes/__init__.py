"""The MES: lots, serials, processes and their evidence. Open `app.py` first."""
