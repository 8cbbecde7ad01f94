"""Alembic's environment; one file per step in `versions`."""
