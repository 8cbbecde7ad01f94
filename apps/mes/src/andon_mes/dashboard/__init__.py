"""The manager's pages: they read the domains' own functions and act through the API. `pages.py` first."""
