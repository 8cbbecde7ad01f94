"""Statistical process control: charts, rules, capability. Pure but `store.py`. Open `charts.py` first."""
