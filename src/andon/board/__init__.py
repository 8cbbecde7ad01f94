"""The web page of the floor and its rollouts. Open `pages.py` first."""
