"""The internal authority and the plant's own: certificates for TLS. Open `authority.py` first."""
