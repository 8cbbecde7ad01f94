"""The statements of a start and a completion without the MES, by pgbench and by raw sqlite3."""
