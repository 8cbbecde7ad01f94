"""Figures of the gateway: `python -m bench.gateway [--quick]`. Open `__main__.py` first."""
