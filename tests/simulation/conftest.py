"""Simulations decide by the thousand: nobody reads what they log."""

import contextlib
import logging
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import structlog

from andon.store.engine import Database
from andon.store.schema import metadata
from tests.simulation.set_site import Site


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Let nothing but errors be logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


@pytest.fixture
async def fresh() -> AsyncIterator[Callable[[], Awaitable[Database]]]:
    """Makes empty databases, in memory where the machine has a folder for that: many are made here."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        async with contextlib.AsyncExitStack() as opened:

            async def make() -> Database:
                made = Database.open(f"sqlite:///{folder}/{uuid.uuid4()}.db")
                opened.push_async_callback(made.close)
                async with made.transaction() as tx:
                    await tx.run_sync(metadata.create_all)
                return made

            yield make


@pytest.fixture
async def site(fresh: Callable[[], Awaitable[Database]]) -> Site:
    return Site(await fresh())
