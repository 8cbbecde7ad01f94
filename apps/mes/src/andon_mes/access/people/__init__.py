"""People who sign in with a password. Open `controller.py` first."""
