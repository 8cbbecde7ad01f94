"""Migrations bring both databases to the tables that the code has, and back."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from andon import parts  # noqa: F401  imports every store, and so every table
from andon.store import migrate
from andon.store.schema import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'andon.db'}"
        return
    with request.getfixturevalue("postgres").fresh_database() as fresh:
        yield fresh


def plain(url: str) -> Any:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def differences(url: str) -> list[Any]:
    engine = plain(url)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return found


def tables(url: str) -> set[str]:
    engine = plain(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


async def test_migrated_is_what_the_code_has(url: str) -> None:
    await migrate.upgrade(url)
    assert differences(url) == []
    await migrate.upgrade(url)
    assert differences(url) == []


async def test_down_and_up_again(url: str) -> None:
    await migrate.upgrade(url)
    before = tables(url)
    await migrate.downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    await migrate.upgrade(url)
    assert tables(url) == before


async def test_processes_that_migrate_at_once_take_turns(url: str) -> None:
    code = "import asyncio, sys; from andon.store import migrate; asyncio.run(migrate.upgrade(sys.argv[1]))"
    running = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, url) for _ in range(3)]
    assert [await each.wait() for each in running] == [0, 0, 0]
    assert differences(url) == []
