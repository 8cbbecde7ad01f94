"""Real bundles, and what each way of updating them costs. Open `__main__.py` first."""
