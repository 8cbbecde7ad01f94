"""What the tables are made of: the kinds of columns that SQLite and PostgreSQL share."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""A JSON document; on PostgreSQL in the form that can be indexed."""

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The key of a table that grows with every write."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC in Python; on SQLite, which has no zones, kept as UTC without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return (
            value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value.astimezone(UTC)
        )

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def id_() -> sa.Column[int]:
    """The table's own key."""
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def big_id() -> sa.Column[int]:
    """The key of a table that grows with every write."""
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def text(name: str, length: int, **options: Any) -> sa.Column[str]:
    """Text of at most `length` characters."""
    return sa.Column(name, sa.String(length), nullable=options.pop("nullable", False), **options)


def at(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    """An instant, aware and in UTC."""
    return sa.Column(name, UtcDateTime, nullable=nullable)


def of(table: str, *, name: str | None = None, nullable: bool = False) -> sa.Column[int]:
    """A reference to a row of `table`; called `<table>_id` unless it is named."""
    reference = sa.ForeignKey(f"{table}.id")
    return sa.Column(name or f"{table.removesuffix('s')}_id", sa.Integer, reference, nullable=nullable)


def flag(name: str, *, default: bool | None = None) -> sa.Column[bool]:
    """Yes or no. With a `default`, so that a release that does not know the column can still insert."""
    if default is None:
        return sa.Column(name, sa.Boolean, nullable=False)
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.true() if default else sa.false())


def json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """A JSON document."""
    return sa.Column(name, Json, nullable=nullable)
