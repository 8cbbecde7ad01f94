"""Who may, and whose word it was: people, sessions, tokens, rights, signatures. Open `rights.py` first."""
