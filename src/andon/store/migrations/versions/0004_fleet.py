"""The fleet: stations, what each should run, what it reports"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME, _TIME = sa.String(60), sa.DateTime(timezone=True)


def _text(name: str, length: int = 60) -> Any:
    return sa.Column(name, sa.String(length), nullable=False)


def _column(name: str, kind: Any, *, nullable: bool = False) -> Any:
    return sa.Column(name, kind, nullable=nullable)


def upgrade() -> None:
    _stations()
    _what_is_wanted()
    _what_is_measured()


def _stations() -> None:
    op.create_table(
        "fleet_rings",
        _text("name"), _column("position", sa.Integer()),
        sa.PrimaryKeyConstraint("name", name="pk_fleet_rings"),
    )  # fmt: skip
    op.create_table(
        "fleet_windows",
        _text("scope", 20), _text("name"), _column("calendar", sa.JSON()),
        sa.PrimaryKeyConstraint("scope", "name", name="pk_fleet_windows"),
    )  # fmt: skip
    op.create_table(
        "fleet_tokens",
        _text("id"), _text("hash", 64), _text("station"), _text("line"), _text("ring"),
        _text("environment"), _column("labels", sa.JSON()), _column("needs_approval", sa.Boolean()),
        _column("replaces", sa.Boolean()),
        _column("created_at", _TIME), _text("created_by", 120), _column("reason", sa.Text()),
        _column("expires_at", _TIME), _column("used_at", _TIME, nullable=True), _text("used_by"),
        _column("revoked_at", _TIME, nullable=True), _text("revoked_by", 120),
        sa.PrimaryKeyConstraint("id", name="pk_fleet_tokens"),
        sa.UniqueConstraint("hash", name="uq_fleet_tokens_hash"),
    )  # fmt: skip
    op.create_table(
        "fleet_stations",
        _text("name"), _text("environment"), _text("ring"), _text("line"), _column("labels", sa.JSON()),
        _text("standing", 10), _text("public_key", 64), _column("machine", sa.JSON()), _text("token"),
        _column("enrolled_at", _TIME), _column("retired_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_fleet_stations"),
        sa.UniqueConstraint("public_key", name="uq_fleet_stations_public_key"),
    )  # fmt: skip
    op.create_table(
        "fleet_seen",
        _text("station"), _column("at", _TIME, nullable=True), _text("boot"),
        _column("revision", sa.BigInteger()), _column("seq", sa.BigInteger()), _column("units", sa.JSON()),
        _column("checkpoint", sa.Text()), _text("address", 64),
        sa.PrimaryKeyConstraint("station", name="pk_fleet_seen"),
    )  # fmt: skip


def _what_is_wanted() -> None:
    op.create_table(
        "fleet_pins",
        _text("station"), _text("unit"), _column("version", _NAME, nullable=True),
        _column("reason", sa.Text()), _text("actor", 120), _column("at", _TIME),
        _column("expires_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("station", "unit", name="pk_fleet_pins"),
    )  # fmt: skip
    op.create_table(
        "fleet_recalls",
        _text("unit"), _text("environment"), _text("version"), _text("to"), _column("direct", sa.Boolean()),
        _column("reason", sa.Text()), _text("actor", 120), _column("at", _TIME),
        sa.PrimaryKeyConstraint("unit", "environment", "version", name="pk_fleet_recalls"),
    )  # fmt: skip
    op.create_table(
        "fleet_attempts",
        _text("station"), _text("unit"), _column("number", sa.Integer()),
        sa.PrimaryKeyConstraint("station", "unit", name="pk_fleet_attempts"),
    )  # fmt: skip
    op.create_table(
        "fleet_opened",
        _text("unit"), _text("environment"), _column("version", _NAME, nullable=True),
        _column("share", sa.Float()), _column("stations", sa.JSON()), _column("permitted", sa.JSON()),
        _column("earlier", sa.JSON()),
        sa.PrimaryKeyConstraint("unit", "environment", name="pk_fleet_opened"),
    )  # fmt: skip
    op.create_table(
        "fleet_wanted",
        _text("station"), _column("revision", sa.BigInteger()), _column("document", sa.Text()),
        sa.PrimaryKeyConstraint("station", name="pk_fleet_wanted"),
    )  # fmt: skip


def _what_is_measured() -> None:
    op.create_table(
        "fleet_samples",
        _text("station"), _column("at", _TIME), _column("cpu", sa.Float()), _column("memory", sa.Float()),
        _column("disk", sa.Float()), _column("sent", sa.BigInteger()), _column("received", sa.BigInteger()),
        _column("processes", sa.Integer()), _column("uptime_s", sa.Float()),
        _column("response_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("station", "at", name="pk_fleet_samples"),
    )  # fmt: skip
    op.create_index("ix_fleet_samples_at", "fleet_samples", ["at"], unique=False)
    op.create_table(
        "fleet_tallies",
        _text("unit"), _text("environment"), _text("version"), _column("installs_ok", sa.BigInteger()),
        _column("installs_failed", sa.BigInteger()), _column("returns", sa.BigInteger()),
        _column("starts", sa.BigInteger()), _column("crashes", sa.BigInteger()),
        _column("refusals", sa.BigInteger()), _column("run_s", sa.Float()),
        sa.PrimaryKeyConstraint("unit", "environment", "version", name="pk_fleet_tallies"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("fleet_tallies")
    op.drop_index("ix_fleet_samples_at", "fleet_samples")
    for name in (
        "fleet_samples", "fleet_wanted", "fleet_opened", "fleet_attempts", "fleet_recalls", "fleet_pins",
        "fleet_seen", "fleet_stations", "fleet_tokens", "fleet_windows", "fleet_rings",
    ):  # fmt: skip
        op.drop_table(name)
