"""Puts what was brought into a home's registry on its list of releases, also beside a running Andon."""

import asyncio

from andon.kernel.clock import SystemClock
from andon.settings import Settings


def index(settings: Settings) -> int:
    """Add signed releases that the home's table lacks; gives how many. Raises as `ReleaseStore.reindex`."""
    return asyncio.run(_indexed(settings))


async def _indexed(settings: Settings) -> int:
    from andon.registry_parts import storage_of
    from andon.releases.store import ReleaseStore
    from andon.store.engine import Database

    home = settings.home.resolve()
    if not (home / "andon.env").exists():
        return 0  # a folder of files, and no home
    database = Database.open(settings.database())
    try:
        return await ReleaseStore(database, home, SystemClock(), storage=storage_of(settings)).reindex()
    finally:
        await database.close()
