"""A rotation is killed at each of its steps, and run again: nothing is lost, and the old key goes.

The process is killed for good (SIGKILL), before and after each transaction and each writing of the key file.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from andon.access.secrets.keyfile import KeyFile, Keys
from andon.access.secrets.store import SecretStore
from andon.kernel.clock import SystemClock
from andon.store.engine import Database
from andon.store.schema import metadata

WHO = {"actor": "kim", "reason": "drill"}
VALUES = {f"s{number}": f"value {number}" for number in range(3)}
PATIENCE = 60
FORK = multiprocessing.get_context("fork")


class Steps:
    """Counts steps, and kills this process at one of them."""

    def __init__(self, deadly: int) -> None:
        self.left = deadly

    def step(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


class DeadlyDatabase(Database):
    """The real database; each end of a transaction is two steps, before the commit and after it."""

    steps: Steps

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator:
        async with super().transaction() as tx:
            yield tx
            self.steps.step()
        self.steps.step()


class DeadlyKeyFile(KeyFile):
    """The real key file; each writing is two steps, before it and after it."""

    def __init__(self, path: Path, steps: Steps) -> None:
        super().__init__(path)
        self._steps = steps

    def _write(self, keys: Keys) -> None:
        self._steps.step()
        super()._write(keys)
        self._steps.step()


def _rotates(url: str, path: Path, deadly: int) -> None:
    async def rotates() -> None:
        steps = Steps(deadly)
        database = DeadlyDatabase.open(url)
        database.steps = steps
        await SecretStore(database, DeadlyKeyFile(path, steps), SystemClock()).rotate(**WHO)
        await database.close()

    asyncio.run(rotates())


async def _put_all(url: str, path: Path) -> None:
    database = Database.open(url)
    async with database.transaction() as tx:
        await tx.run_sync(metadata.create_all)
    store = SecretStore(database, KeyFile(path), SystemClock())
    for name, value in VALUES.items():
        await store.put(name, value, **WHO)
    await database.close()


async def _holds_all(url: str, path: Path) -> None:
    database = Database.open(url)
    store = SecretStore(database, KeyFile(path), SystemClock())
    assert {name: await store.get(name) for name in VALUES} == VALUES
    await database.close()


async def _completes(url: str, path: Path) -> None:
    database = Database.open(url)
    store = SecretStore(database, KeyFile(path), SystemClock())
    before = await KeyFile(path).read()
    done = await store.rotate(**WHO)
    keys = await KeyFile(path).read()
    assert list(keys.known) == [done.key_id]
    assert {each.key_id for each in await store.list()} == {done.key_id}
    if len(before.known) > 1:
        assert done.key_id == before.primary  # it went on with the key that it had made
    await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path):
    made = iter(range(1000))
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path / f'{next(made)}.db'}"
        return
    server = request.getfixturevalue("postgres")
    open_databases = []

    def fresh() -> str:
        opened = server.fresh_database()
        open_databases.append(opened)
        return opened.__enter__()

    yield fresh
    for each in open_databases:
        each.__exit__(None, None, None)


@pytest.mark.asvs("11.2.2")
def test_a_rotation_killed_at_any_step_loses_nothing_and_completes(
    fresh_url: Callable[[], str], tmp_path: Path
) -> None:
    killed = 0
    while True:
        url, path = fresh_url(), tmp_path / f"keys{killed}" / "secrets.key"
        asyncio.run(_put_all(url, path))
        process = FORK.Process(target=_rotates, args=(url, path, killed))
        process.start()
        process.join(PATIENCE)
        if process.exitcode != -signal.SIGKILL:
            break
        asyncio.run(_holds_all(url, path))
        asyncio.run(_completes(url, path))
        asyncio.run(_holds_all(url, path))
        killed += 1
    assert process.exitcode == 0
    # Add the key, find what is behind, each row, tell it, drop the old key.
    assert killed == 2 * (1 + 1 + len(VALUES) + 1 + 1)
