"""The HTTP API under `/api/v1`. Open `http.py` first."""
