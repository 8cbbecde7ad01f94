"""Tells the timeline of a home what somebody did at its machine, where no Andon has to run."""

import asyncio
import os
import pwd
from typing import TYPE_CHECKING

from rich.markup import escape

from andon.cli.context import err
from andon.kernel.clock import SystemClock
from andon.kernel.errors import AndonError
from andon.settings import Settings

if TYPE_CHECKING:
    from andon.timeline.records import Event


def tell(settings: Settings, event: "Event") -> None:
    """Record `event`, also beside a running Andon. What was done stays done where that fails; it is said."""
    try:
        asyncio.run(_record(settings, event))
    except AndonError as error:
        err.print(
            f"[yellow]![/] this is not on the timeline, write it down elsewhere: {escape(error.message)}"
        )


async def _record(settings: Settings, event: "Event") -> None:
    from andon.store.engine import Database
    from andon.timeline.store import TimelineStore

    database = Database.open(settings.database())
    try:
        await TimelineStore(database).record(event, SystemClock().now())
    finally:
        await database.close()


def operator() -> str:
    """Who is at this machine, as its operating system says, not as the environment does."""
    own = os.getuid()
    try:
        return f"os:{pwd.getpwuid(own).pw_name}"
    except KeyError:
        return f"os:{own}"
