"""What every test shares: tiers by folder, and the databases."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from andon.store.engine import Database
from andon.store.schema import metadata

_ROOT = Path(__file__).parent

# How long an example takes says something of the machine, not of the code; speed is measured in bench/.
# The examples are the same each time, as a build must not fail by chance; `make campaign` draws others.
settings.register_profile(
    "andon",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="ANDON_CHANCE" not in os.environ,
)
settings.load_profile("andon")
_TIERS = ("component", "contract", "simulation", "system")


def _tier(path: Path) -> str:
    """A test's folder is its tier; what stands beside a package is a unit test."""
    parts = path.relative_to(_ROOT).parts
    # The demo's tests run the MES' servers and suites.
    return next((each for each in _TIERS if each in parts), "component" if "demo" in parts else "unit")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The unit tier does not import what it will not run: that took longer than a third of its tests."""
    is_other = collection_path.is_relative_to(_ROOT) and _tier(collection_path) != "unit"
    return True if is_other and config.option.markexpr == "unit" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with its tier, where it does not say one itself."""
    for item in items:
        tier = _tier(Path(item.path))
        if not any(item.get_closest_marker(each) for each in _TIERS):
            item.add_marker(tier)


async def _with_schema(url: str) -> Database:
    database = Database.open(url)
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
    return database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty SQLite database with the tables that have been imported."""
    opened = await _with_schema(f"sqlite:///{tmp_path / 'andon.db'}")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """A PostgreSQL server; fails with the install command where there is none."""
    from andon.testing.database import shared_server

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    short = hashlib.sha256(run.encode()).hexdigest()[:8]
    with tempfile.TemporaryDirectory(prefix="andon-pg-", ignore_cleanup_errors=True) as own:
        folder = (
            Path(tempfile.gettempdir()) / f"andon-pg-{short}"
            if "PYTEST_XDIST_WORKER" in os.environ
            else Path(own)
        )
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        with shared_server(folder) as server:
            yield server


@pytest.fixture
async def database_of(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[str], Awaitable[Database]]]:
    """Makes an empty database, sqlite or postgresql, with the tables that have been imported."""
    with contextlib.ExitStack() as servers:
        async with contextlib.AsyncExitStack() as opened:

            async def make(kind: str) -> Database:
                url = f"sqlite:///{tmp_path / 'andon.db'}"
                if kind == "postgresql":
                    url = servers.enter_context(request.getfixturevalue("postgres").fresh_database())
                made = await _with_schema(url)
                opened.push_async_callback(made.close)
                return made

            yield make


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_database(
    request: pytest.FixtureRequest, database_of: Callable[[str], Awaitable[Database]]
) -> Database:
    """The same test on both databases."""
    return await database_of(request.param)
