"""Collects a home's garbage, also beside a running Andon: the writer's lock keeps the two apart."""

import asyncio

from andon.cli.telling import operator
from andon.kernel.clock import SystemClock
from andon.kernel.errors import InvalidInput
from andon.releases.garbage.model import Collected
from andon.settings import Settings


def collected(settings: Settings, reason: str, *, is_trial: bool) -> Collected:
    """Collect, or only look.

    Raises:
        InvalidInput: there is no home. What `Collector.run` raises.
    """
    home = settings.home.resolve()
    if not (home / "andon.env").exists():
        raise InvalidInput("not-initialised", f"{home} is not a home of Andon", hint="andon init")
    return asyncio.run(_collected(settings, reason, is_trial=is_trial))


async def _collected(settings: Settings, reason: str, *, is_trial: bool) -> Collected:
    from andon.registry_parts import collector_of
    from andon.store.engine import Database

    database = Database.open(settings.database())
    try:
        collector = collector_of(settings, database, SystemClock())
        return await collector.run(actor=operator(), reason=reason, is_trial=is_trial)
    finally:
        await database.close()
