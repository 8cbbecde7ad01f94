"""Who may do what: users with roles, devices with credentials, operators with badges and qualifications."""

import sqlalchemy as sa

from andon_mes.store.tables.columns import at, flag, id_, metadata, of, text

users = sa.Table(
    "users",
    metadata,
    id_(),
    text("username", 100, unique=True),
    text("password_hash", 200),
    text("full_name", 100),
    text("role", 20),
    flag("is_active"),
    sa.Column("failed_attempts", sa.Integer, nullable=False, server_default="0"),
    at("locked_until", nullable=True),
    flag("must_change_password", default=False),
    at("last_login_at", nullable=True),
    at("created_at"),
    at("updated_at"),
)

permissions = sa.Table(
    "permissions",
    metadata,
    id_(),
    text("role", 20),
    text("resource", 50),
    text("action", 20),
    sa.UniqueConstraint("role", "resource", "action"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    id_(),
    text("token_hash", 64, unique=True),
    # All tokens of one login: one that is used twice ends the family.
    text("family", 36),
    of("users"),
    at("issued_at"),
    at("expires_at"),
    at("used_at", nullable=True),
    at("revoked_at", nullable=True),
    sa.Index("refresh_tokens_by_family", "family"),
)

devices = sa.Table(
    "devices",
    metadata,
    id_(),
    text("name", 100, unique=True),
    text("token_hash", 64, unique=True),
    text("role", 20),
    of("processes", name="process_id", nullable=True),
    text("created_by", 100, nullable=True),
    at("created_at"),
    at("expires_at", nullable=True),
    at("revoked_at", nullable=True),
    text("revoked_by", 100, nullable=True),
    at("last_seen_at", nullable=True),
)

operators = sa.Table(
    "operators",
    metadata,
    id_(),
    text("badge", 100, unique=True),
    text("full_name", 100),
    of("users", nullable=True),
    flag("is_active"),
    at("created_at"),
    at("updated_at"),
)

qualifications = sa.Table(
    "qualifications",
    metadata,
    id_(),
    of("operators"),
    of("processes", name="process_id"),
    text("granted_by", 100, nullable=True),
    at("granted_at"),
    at("valid_until", nullable=True),
    sa.UniqueConstraint("operator_id", "process_id"),
)
