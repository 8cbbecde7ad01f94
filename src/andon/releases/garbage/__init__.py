"""Takes out of the registry what nobody needs any more. Open `plan.py` first, then `collector.py`."""
