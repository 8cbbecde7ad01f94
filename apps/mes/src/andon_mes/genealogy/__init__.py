"""The birth certificate of a serial: all that is known of it, signed. Open `certificate.py` first."""
