"""Who is signed in: sessions of browsers and terminals, and their bearer tokens. Open `sessions.py` first."""
