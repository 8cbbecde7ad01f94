"""What is written once and never changed: histories, the audit with its seals, the logs."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import BigId, at, big_id, flag, id_, json, metadata, text

status_history = sa.Table(
    "status_history",
    metadata,
    id_(),
    text("entity_type", 20),
    sa.Column("entity_id", sa.Integer, nullable=False),
    text("old_status", 20, nullable=True),
    text("new_status", 20),
    text("changed_by", 100, nullable=True),
    at("changed_at"),
    text("reason", 500, nullable=True),
    sa.Index("status_history_by_entity", "entity_type", "entity_id"),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    big_id(),
    text("table_name", 50),
    # The row's key, as text.
    text("record_id", 100),
    text("action", 10),
    json("old_data", nullable=True),
    json("new_data", nullable=True),
    text("changed_by", 100),
    at("changed_at"),
    text("ip_address", 45, nullable=True),
    text("user_agent", 200, nullable=True),
    # The transaction that wrote it, where ids are not in the order of the commits (PostgreSQL).
    sa.Column("transaction", sa.BigInteger, nullable=True),
    sa.Index("audit_log_by_record", "table_name", "record_id"),
    sa.Index(
        "audit_log_by_transaction",
        "transaction",
        postgresql_where=sa.text('"transaction" is not null'),
        sqlite_where=sa.text('"transaction" is not null'),
    ),
)

audit_seals = sa.Table(
    "audit_seals",
    metadata,
    big_id(),
    # The seal covers the records that were committed and not sealed before; their ids are within these.
    sa.Column("first_record", BigId, nullable=False),
    sa.Column("last_record", BigId, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    # On PostgreSQL: what transactions below this one had written is sealed by now.
    sa.Column("horizon", sa.BigInteger, nullable=True),
    # A line for each record: its id and its own digest, so that one which was changed can be named.
    sa.Column("leaves", sa.Text, nullable=False),
    text("previous", 64),
    text("digest", 64, unique=True),
    at("sealed_at"),
)

error_logs = sa.Table(
    "error_logs",
    metadata,
    id_(),
    at("timestamp"),
    text("error_code", 50),
    text("severity", 10),
    text("message", 1000),
    json("context", nullable=True),
    sa.Column("stack_trace", sa.Text, nullable=True),
    flag("resolved"),
    at("resolved_at", nullable=True),
    text("resolved_by", 100, nullable=True),
    text("notes", 1000, nullable=True),
    sa.Index("error_logs_by_time", "timestamp"),
)

access_logs = sa.Table(
    "access_logs",
    metadata,
    big_id(),
    text("user", 100, nullable=True),
    text("resource", 200),
    text("action", 20),
    text("ip", 45, nullable=True),
    text("user_agent", 200, nullable=True),
    sa.Column("status_code", sa.Integer, nullable=False),
    at("timestamp"),
    sa.Index("access_logs_by_time", "timestamp"),
)
