"""What the rows say of a day, a shift, a period: figures, the live floor, OEE, reports.

Open `model.py` first: the figures by their ISO 22400 names, pure. `controller.py` reads and reckons, for the
API and for the dashboard alike. Nothing here writes.
"""
