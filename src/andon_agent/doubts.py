"""Registries whose metadata cannot be believed: told once, and once when it can be again.

Such a registry says nothing of a release, so the engine goes on trying; but somebody should look. Metadata
that nobody's key signed is told at once. What is merely old or not all there is a mirror that lags or is
being copied: it is told only where no other registry would do, as then the station cannot go on.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from andon_agent.buffer import Buffer
from andon_agent.engine.ports import Watch
from andon_wire.errors import Doubtful, WireError
from andon_wire.protocol import EventKind

PAUSE_S = 3600.0  # one that comes and goes is told so often at most
_LAGS = {"metadata-missing", "metadata-expired", "version-rolled-back"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one registry. told: by code, the uptime when it was told last; raised: codes told and not over."""

    told: Mapping[str, float] = field(default_factory=dict)
    raised: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told. kind: ALERT or ALERT_OVER."""

    kind: EventKind
    reason: str
    facts: Mapping[str, str]


def judge(
    before: Standing, name: str, seen: WireError | None, *, is_served: bool, now: float
) -> tuple[Standing, Told | None]:
    """How a registry stands after a look at it. seen: what was wrong; is_served: another one would do."""
    if seen is None:
        if not before.raised:
            return before, None
        facts = {"registry": name, "code": ", ".join(sorted(before.raised))}
        over = Told(EventKind.ALERT_OVER, f"the metadata at {name} can be believed again", facts)
        return replace(before, raised=frozenset()), over
    if not isinstance(seen, Doubtful) or seen.code in before.raised:
        return before, None
    told_at = before.told.get(seen.code)
    is_quiet = told_at is not None and now - told_at < PAUSE_S
    if is_quiet or (is_served and seen.code in _LAGS):
        return before, None
    after = Standing({**before.told, seen.code: now}, before.raised | {seen.code})
    level = "warning" if seen.code in _LAGS else "error"
    facts = {"registry": name, "code": seen.code, "level": level}
    return after, Told(EventKind.ALERT, f"{seen.code}: {seen.message}", facts)


class Doubts:
    """Puts it into the buffer. tell: that something is to be reported at once. Safe for threads."""

    def __init__(self, buffer: Buffer, watch: Watch, tell: Callable[[], None]) -> None:
        self._buffer, self._watch, self._tell = buffer, watch, tell
        self._turn = threading.Lock()
        self._standing: dict[str, Standing] = {}

    def looked(self, looks: Mapping[str, WireError | None]) -> None:
        """Take in what was seen of each registry that was asked; None: it can be believed."""
        now = self._watch.now()
        is_served = any(each is None for each in looks.values())
        with self._turn:
            for name, seen in looks.items():
                before = self._standing.get(name, Standing())
                after, told = judge(before, name, seen, is_served=is_served, now=now.uptime)
                self._standing[name] = after
                if seen is not None:
                    _log.info("%s", seen.message)
                if told is not None:
                    self._buffer.add(told.kind, now.at, reason=told.reason, facts=dict(told.facts))
                    self._tell()
