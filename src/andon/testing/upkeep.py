"""A registry in memory, as whoever looks after it shows it; a collection takes what its trial named."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from andon.releases.ceremony.status import KeyStanding, RoleStanding, Standing, Worry
from andon.releases.garbage.model import Collected, Rules
from andon.releases.stock import Look, Revocation, Strays, UnitStock
from andon.testing.shelves import Part


def a_role(at: datetime, role: str, *, days: float = 20, **changes: Any) -> RoleStanding:
    """A role that holds for `days`, signed by one key that is here; `changes` replace fields."""
    key = KeyStanding(f"{role[0] * 8}0123456789abcdef", "", is_here=True)
    base = RoleStanding(role, 3, at + timedelta(days=days), 1, (key,), Worry.NONE, "")
    return replace(base, **changes)


def a_standing(at: datetime, **changes: Any) -> Standing:
    """Development keys that hold; `changes` replace fields."""
    days = {"root": 300, "targets": 300, "snapshot": 20, "timestamp": 20}
    roles = tuple(a_role(at, role, days=left) for role, left in days.items())
    return replace(Standing(is_development=True, roles=roles, waiting=None), **changes)


def a_look(at: datetime, **changes: Any) -> Look:
    """Two units, one revoked release, two that a collection would take; `changes` replace fields."""
    trial = Collected(
        kept={
            "mes@1.1.0": "is stable in production",
            "mes@1.2.0": "is one of the newest 20 of mes",
            "roastery@2.4.1": "is pinned on oven-1: a trial of the new belt",
        },
        releases=("mes@0.8.0", "mes@0.9.0"),
        deltas=("mes@1.1.0/delta-linux-x86_64-from-0.9.0.andon",),
        freed_bytes=93_400_000,
        removed=0,
        removed_bytes=0,
        waiting=0,
    )
    base = Look(
        at=at,
        units=(
            UnitStock("mes", releases=6, revoked=1, collected=4, artifacts=48, size_bytes=412_300_000),
            UnitStock("roastery", releases=3, revoked=0, collected=0, artifacts=21, size_bytes=96_100_000),
        ),
        revoked=(Revocation("mes", "1.0.1", "loses serials", "jiwoo", at - timedelta(days=3)),),
        strays=Strays(4, 12_500_000),
        standing=a_standing(at),
        is_following=False,
        rules=Rules(),
        is_automatic=False,
        trial=trial,
    )
    return replace(base, **changes)


class FakeUpkeep(Part):
    """The plant's `stock`; None is one as `a_look` makes it."""

    async def look(self) -> Look:
        """See `Upkeep`."""
        now = self._plant.clock.now()
        return self._plant.stock or a_look(now)

    async def collect(self, *, actor: str, reason: str) -> Collected:
        """See `Upkeep`."""
        found = await self.look()
        if found.refusal is not None:
            raise found.refusal
        done = found.trial
        assert done is not None
        left = Collected(done.kept, (), (), 0, 0, 0, 0)
        self._plant.stock = replace(found, at=self._plant.clock.now(), trial=left, strays=Strays())
        self._plant.note("registry.collected", "registry", actor, reason)
        return done
