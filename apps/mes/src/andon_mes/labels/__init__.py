"""Labels by template: ZPL for the printer or PDF, with Data Matrix. Open `template.py` first."""
