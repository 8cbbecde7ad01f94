"""The database: engine, transactions, leases, migrations. Open `engine.py` first."""
