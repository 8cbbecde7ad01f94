"""Secrets and the proof of the timeline of a `FakePlant`: nothing is encrypted, and nothing is chained."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from andon.access.secrets.model import Rotation, Secret, secret_name
from andon.kernel.errors import NotFound
from andon.testing.access import Part
from andon.timeline.checks import Verification
from andon.timeline.records import Record
from andon.timeline.store import Filter


def matches(record: Record, wanted: Filter) -> bool:
    """Whether a record is among those wanted."""
    event = record.event
    pairs = (
        (wanted.subject, event.subject),
        (wanted.unit, event.unit),
        (wanted.environment, event.environment),
        (wanted.kind, event.kind),
        (wanted.severity, event.severity),
        (wanted.actor, event.actor),
        (wanted.role, event.role),
    )
    if wanted.text and wanted.text.lower() not in f"{event.subject}\n{event.reason}".lower():
        return False
    if (wanted.since and record.at < wanted.since) or (wanted.until and record.at >= wanted.until):
        return False
    in_range = record.number > wanted.after and (wanted.before is None or record.number < wanted.before)
    return in_range and all(not want or want == got for want, got in pairs)


class FakeSecrets(Part):
    """Names of secrets; their values are dropped."""

    async def put(self, name: str, value: str, *, actor: str, reason: str) -> None:  # noqa: ARG002
        self._plant.secrets[secret_name(name)] = Secret(name, "key-1", self._plant.clock.now(), actor)
        self._plant.note("secret.put", f"secret/{name}", actor, reason)

    async def list(self) -> Sequence[Secret]:
        return sorted(self._plant.secrets.values(), key=lambda each: each.name)

    async def delete(self, name: str, *, actor: str, reason: str) -> None:
        if self._plant.secrets.pop(secret_name(name), None) is None:
            raise NotFound("no-such-secret", f"there is no secret {name}")
        self._plant.note("secret.deleted", f"secret/{name}", actor, reason)

    async def rotate(self, *, actor: str, reason: str) -> Rotation:
        self._plant.note("secrets.rotated", "secrets", actor, reason)
        return Rotation("key-2", len(self._plant.secrets), ("key-1",))


class FakeAudit(Part):
    """No chain, so nothing to prove; `andon.timeline` has the real one."""

    async def verify(self) -> Verification:
        count = len(self._plant.records)
        return Verification(count, 1, 1, 0, (), count, 0, (), (), 0.01)

    def stream(self, form: str, wanted: Filter) -> AsyncIterator[bytes]:
        async def pieces() -> AsyncIterator[bytes]:
            for each in self._plant.records:
                if matches(each, wanted):
                    yield f"{form}: {each.number} {each.event.kind} {each.event.unit}\n".encode()

        return pieces()

    async def build(self, form: str, wanted: Filter, into: Path) -> None:
        count = sum(matches(each, wanted) for each in self._plant.records)
        await asyncio.to_thread(into.write_bytes, f"{form} of {count} records".encode())

    async def checkpoint(self) -> str:
        return f"andon.example/timeline\n{len(self._plant.records)}\n"
