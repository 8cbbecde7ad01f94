"""Access and records: people, sessions, tokens, signatures, policies, secrets; the timeline is a chain"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_GENESIS = "0" * 64
_COLUMNS = ("number", "at", "kind", "subject", "actor", "unit", "environment", "severity")
_APPEND_ONLY = ("policies", "signatures")


def upgrade() -> None:
    _chain_the_timeline()
    op.create_table(
        "login_failures",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_failures")),
    )
    op.create_table(
        "policies",
        sa.Column("environment", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("signature", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("environment", "version", name=op.f("pk_policies")),
    )
    op.create_table(
        "roles",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_roles")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "signatures",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("document_hash", sa.String(length=64), nullable=False),
        sa.Column("signer_id", sa.String(length=60), nullable=False),
        sa.Column("signer", sa.String(length=120), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("meaning", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("seal", sa.String(length=160), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatures")),
    )
    op.create_index("ix_signatures_subject", "signatures", ["subject", "at"], unique=False)
    op.create_table(
        "timeline_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_timeline_checkpoints")),
    )
    op.create_table(
        "timeline_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_timeline_cosignatures")),
    )
    op.create_table(
        "timeline_tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_timeline_tiles")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("login", sa.String(length=256), nullable=False),
        sa.Column("login_key", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("directory_id", sa.String(length=64), nullable=True),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_by", sa.String(length=20), nullable=False),
        sa.Column("is_break_glass", sa.Boolean(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=300), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signing_suspended_by", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("directory_id", name=op.f("uq_users_directory_id")),
        sa.UniqueConstraint("login_key", name=op.f("uq_users_login_key")),
    )
    op.create_table(
        "device_logins",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("device_hash", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_id", sa.String(length=60), nullable=True),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("session_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_device_logins_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_logins")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_device_logins_code_hash")),
        sa.UniqueConstraint("device_hash", name=op.f("uq_device_logins_device_hash")),
    )
    op.create_table(
        "former_passwords",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.String(length=60), nullable=False),
        sa.Column("hash", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_former_passwords_user_id_users")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_former_passwords")),
    )
    op.create_index("ix_former_passwords_user_id", "former_passwords", ["user_id", "number"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=True),
        sa.Column("user_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sessions_secret_hash")),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id", "ended_at"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner_id", sa.String(length=60), nullable=True),
        sa.Column("owner", sa.String(length=256), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=256), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_source", sa.String(length=64), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=256), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_tokens_owner_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_index("ix_tokens_owner_id", "tokens", ["owner_id"], unique=False)
    op.create_index(
        "uq_tokens_machine",
        "tokens",
        ["name"],
        unique=True,
        sqlite_where=sa.text("owner_id IS NULL"),
        postgresql_where=sa.text("owner_id IS NULL"),
    )
    op.create_table(
        "session_refreshes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("session", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session"],
            ["sessions.id"],
            name=op.f("fk_session_refreshes_session_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_session_refreshes")),
    )
    op.create_index(op.f("ix_session_refreshes_session"), "session_refreshes", ["session"], unique=False)
    for table in _APPEND_ONLY:
        _refuse_changes_of(table)


def downgrade() -> None:
    op.drop_index(op.f("ix_session_refreshes_session"), table_name="session_refreshes")
    op.drop_table("session_refreshes")
    op.drop_index(
        "uq_tokens_machine",
        table_name="tokens",
        sqlite_where=sa.text("owner_id IS NULL"),
        postgresql_where=sa.text("owner_id IS NULL"),
    )
    op.drop_index("ix_tokens_owner_id", table_name="tokens")
    op.drop_table("tokens")
    op.drop_index("ix_sessions_user_id", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("ix_former_passwords_user_id", table_name="former_passwords")
    op.drop_table("former_passwords")
    op.drop_table("device_logins")
    op.drop_table("users")
    op.drop_table("timeline_tiles")
    op.drop_table("timeline_cosignatures")
    op.drop_table("timeline_checkpoints")
    op.drop_index("ix_signatures_subject", table_name="signatures")
    op.drop_table("signatures")
    op.drop_table("secrets")
    op.drop_table("roles")
    op.drop_table("policies")
    op.drop_table("login_failures")
    if _dialect() == "postgresql":
        for table in _APPEND_ONLY:
            op.execute(f"DROP FUNCTION IF EXISTS {table}_refuse() CASCADE")

    _unchain_the_timeline()


def _dialect() -> str:
    return op.get_bind().dialect.name


def _columns() -> list[sa.Column[Any]]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return [
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=60), nullable=False),
        sa.Column("environment", sa.String(length=60), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
    ]


def _chain_the_timeline() -> None:
    """Former records keep their order and get their place in the chain, numbered without gaps.

    The form is that of `timeline/chain.py` when this was written; it stands here so that it stays as it was.
    """
    for index in ("ix_timeline_subject", "ix_timeline_unit"):
        op.drop_index(index, "timeline")
    op.rename_table("timeline", "timeline_0001")
    if _dialect() == "postgresql":
        op.execute("ALTER TABLE timeline_0001 RENAME CONSTRAINT pk_timeline TO pk_timeline_0001")
    made = op.create_table(
        "timeline",
        *_columns(),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_timeline")),
    )
    head = op.create_table(
        "timeline_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline_head")),
    )
    number, last = 0, _GENESIS
    for row in _chained():
        op.get_bind().execute(sa.insert(made).values(row))
        number, last = row["number"], row["hash"]
    op.get_bind().execute(sa.insert(head).values(id=1, number=number, hash=last))
    op.drop_table("timeline_0001")
    op.create_index("ix_timeline_subject", "timeline", ["subject", "number"])
    op.create_index("ix_timeline_unit", "timeline", ["unit", "environment", "number"])
    op.create_index("ix_timeline_kind", "timeline", ["kind", "number"])
    op.create_index("ix_timeline_actor", "timeline", ["actor", "number"])
    _refuse_changes_of_the_timeline()


def _chained() -> Iterator[dict[str, Any]]:
    former = sa.table(
        "timeline_0001",
        *(sa.column(each.name, each.type) for each in _columns()),
        *(sa.column(each, sa.Text()) for each in ("reason", "correlation")),
        *(sa.column(each, sa.JSON()) for each in ("before", "after")),
    )
    previous = _GENESIS
    rows = op.get_bind().execute(sa.select(former).order_by(former.c.number)).all()
    for number, row in enumerate(rows, start=1):
        at = row.at.replace(tzinfo=UTC) if row.at.tzinfo is None else row.at
        body = _body(number, at, row)
        previous = hashlib.sha256(b"\x00" + bytes.fromhex(previous) + body.encode()).hexdigest()
        same = {name: getattr(row, name) for name in _COLUMNS if name not in {"number", "at"}}
        yield {"number": number, "at": at, **same, "body": body, "hash": previous}


def _body(number: int, at: datetime, row: Any) -> str:
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    values = {"number": number, "at": stamp}
    values |= {name: getattr(row, name) for name in ("kind", "subject", "actor", "unit", "environment")}
    values |= {"severity": row.severity, "role": "", "source": "", "reason": row.reason}
    values |= {"before": _sorted(row.before), "after": _sorted(row.after), "correlation": row.correlation}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _sorted(value: Any) -> Any:
    return json.loads(json.dumps(value, sort_keys=True))


def _unchain_the_timeline() -> None:
    """Records go back to their former columns; role and source, which had none, are lost."""
    for index in ("actor", "kind", "unit", "subject"):
        op.drop_index(f"ix_timeline_{index}", "timeline")
    op.rename_table("timeline", "timeline_0002")
    if _dialect() == "postgresql":
        op.execute("ALTER TABLE timeline_0002 RENAME CONSTRAINT pk_timeline TO pk_timeline_0002")
    number, *others = _columns()
    made = op.create_table(
        "timeline",
        sa.Column("number", number.type, autoincrement=True, nullable=False),
        *others,
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("correlation", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_timeline")),
        sqlite_autoincrement=True,
    )
    former = sa.table("timeline_0002", sa.column("number", sa.Integer()), sa.column("body", sa.Text()))
    for row in op.get_bind().execute(sa.select(former).order_by(former.c.number)).all():
        values = json.loads(row.body)
        kept = {name: values[name] for name in made.c.keys()}  # noqa: SIM118  columns, not a mapping
        kept["correlation"] = kept["correlation"][:80]
        op.get_bind().execute(sa.insert(made).values(kept | {"at": datetime.fromisoformat(values["at"])}))
    if _dialect() == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('timeline', 'number'), (SELECT max(number) FROM timeline))"
        )
    op.drop_table("timeline_0002")
    op.drop_table("timeline_head")
    if _dialect() == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS timeline_is_append_only() CASCADE")
    op.create_index("ix_timeline_subject", "timeline", ["subject", "number"])
    op.create_index("ix_timeline_unit", "timeline", ["unit", "environment", "number"])


def _refuse_changes_of_the_timeline() -> None:
    if _dialect() == "sqlite":
        for verb, name in (("UPDATE", "updated"), ("DELETE", "deleted")):
            op.execute(
                f"CREATE TRIGGER timeline_is_not_{name} BEFORE {verb} ON timeline "
                "BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION timeline_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the timeline is append-only'; END $$"
    )
    call = "EXECUTE FUNCTION timeline_is_append_only()"
    op.execute(
        f"CREATE TRIGGER timeline_is_not_changed BEFORE UPDATE OR DELETE ON timeline FOR EACH ROW {call}"
    )
    op.execute(
        f"CREATE TRIGGER timeline_is_not_truncated BEFORE TRUNCATE ON timeline FOR EACH STATEMENT {call}"
    )


def _refuse_changes_of(table: str) -> None:
    refused = f"rows of {table} are never changed and never deleted"
    if _dialect() == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{refused}'); END"
            )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refused}'; END $$"
    )
    call = f"EXECUTE FUNCTION {table}_refuse()"
    op.execute(f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {call}")
    op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}")
