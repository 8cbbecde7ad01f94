"""Secrets under concurrency, on SQLite and PostgreSQL alike."""

import asyncio
from pathlib import Path

import pytest

from andon.access.secrets.keyfile import KeyFile, Keys
from andon.access.secrets.store import SecretStore
from andon.kernel.clock import ManualClock
from andon.store.engine import Database

WHO = {"actor": "kim", "reason": "new mail server"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "secrets.key"


async def test_first_puts_of_many_stores_agree_on_one_key(any_database: Database, path: Path) -> None:
    stores = [SecretStore(any_database, KeyFile(path), ManualClock()) for _ in range(8)]
    await asyncio.gather(*(each.put(f"s{at}", str(at), **WHO) for at, each in enumerate(stores)))
    assert len({each.key_id for each in await stores[0].list()}) == 1
    assert [await stores[-1].get(f"s{at}") for at in range(8)] == [str(at) for at in range(8)]


async def test_readers_and_writers_go_on_through_rotations(any_database: Database, path: Path) -> None:
    names = [f"s{number}" for number in range(4)]

    def a_store() -> SecretStore:
        return SecretStore(any_database, KeyFile(path), ManualClock())

    for name in names:
        await a_store().put(name, f"{name} 0", **WHO)
    is_over = False
    reads = 0

    async def reads_on() -> None:
        nonlocal reads
        own, last = a_store(), dict.fromkeys(names, 0)
        while not is_over:
            for name in names:
                seen, _, number = (await own.get(name)).partition(" ")
                assert seen == name
                assert int(number) >= last[name]
                last[name] = int(number)
                reads += 1
            await asyncio.sleep(0)

    async def writes_on(name: str) -> int:
        own, number = a_store(), 0
        while not is_over:
            number += 1
            await own.put(name, f"{name} {number}", **WHO)
        return number

    async def rotates() -> None:
        nonlocal is_over
        try:
            for _ in range(5):
                await a_store().rotate(**WHO)
        finally:
            is_over = True

    _, _, first, second = await asyncio.gather(rotates(), reads_on(), writes_on("s0"), writes_on("s1"))
    assert reads > 0
    assert await a_store().get("s0") == f"s0 {first}"
    assert await a_store().get("s1") == f"s1 {second}"
    assert await a_store().get("s2") == "s2 0"
    keys = await KeyFile(path).read()
    assert {each.key_id for each in await a_store().list()} == set(keys.known)


class SlowKeyFile(KeyFile):
    """The real file; after each reading it waits until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.was_read, self.go_on = asyncio.Event(), asyncio.Event()

    async def read(self) -> Keys:
        found = await super().read()
        self.was_read.set()
        await self.go_on.wait()
        return found


async def test_a_rotation_waits_for_a_writer_that_has_read_the_old_key(
    any_database: Database, path: Path
) -> None:
    store = SecretStore(any_database, KeyFile(path), ManualClock())
    await store.put("first", "1", **WHO)
    slow = SlowKeyFile(path)
    putting = asyncio.create_task(SecretStore(any_database, slow, ManualClock()).put("second", "2", **WHO))
    await slow.was_read.wait()
    rotating = asyncio.create_task(store.rotate(**WHO))
    done, _ = await asyncio.wait({rotating}, timeout=1)
    assert not done
    slow.go_on.set()
    await asyncio.gather(putting, rotating)
    assert [await store.get("first"), await store.get("second")] == ["1", "2"]
