"""How far a long copy is: a bar on a terminal, else a line now and then; on the error channel, so that what a
command answers stays alone on the other."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from andon.cli.context import err
from andon.cli.render import size
from andon.releases.progress import Progress as Told

_STEP = 10  # per cent between two lines


class _Bar:
    """On a terminal."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._task = shown.add_task("", total=None)

    def begin(self, what: str, total_bytes: int) -> None:
        self._shown.reset(self._task, total=total_bytes, description=what)

    def advance(self, path: str, count_bytes: int) -> None:
        del path
        self._shown.advance(self._task, count_bytes)


class _Lines:
    """Into a log."""

    def __init__(self) -> None:
        self._what = ""
        self._total = self._done = self._said = 0

    def begin(self, what: str, total_bytes: int) -> None:
        self._what, self._total, self._done, self._said = what, total_bytes, 0, 0
        if total_bytes:
            self._say(0)

    def advance(self, path: str, count_bytes: int) -> None:
        del path
        self._done += count_bytes
        reached = 100 * self._done // max(1, self._total)
        if reached >= self._said + _STEP:
            self._said = reached - reached % _STEP
            self._say(self._said)

    def _say(self, per_cent: int) -> None:
        sys.stderr.write(f"{self._what}: {per_cent} % of {size(self._total)}\n")
        sys.stderr.flush()


@contextmanager
def shown() -> Iterator[Told]:
    """Whom to tell, while the block runs."""
    if not err.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield _Bar(progress)


class Copied(Protocol):
    """What came of a copy of a registry."""

    @property
    def version(self) -> int: ...
    @property
    def releases(self) -> int: ...
    @property
    def copied(self) -> int: ...
    @property
    def copied_bytes(self) -> int: ...
    @property
    def had(self) -> int: ...


def copied_view(into: str, done: Copied) -> dict[str, Any]:
    """The same as a document. into: the place that it was copied to."""
    return {
        "into": into,
        "version": done.version,
        "releases": done.releases,
        "copied": done.copied,
        "copied_bytes": done.copied_bytes,
        "had": done.had,
    }
