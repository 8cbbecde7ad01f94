"""Andon moves releases on by the same command as people, and stops where they stopped it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from andon.access.policies.model import Bounds, Policy
from andon.access.signatures.model import Document
from andon.judge import sequential
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Untrusted
from andon.kernel.ids import EnvironmentName, Version
from andon.rollouts.actions import Decision, Finish, RollBack
from andon.rollouts.advance.controller import AdvanceController
from andon.rollouts.commands import Commands
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Phase, RequestKind, Rollout, Trigger
from andon.rollouts.store import RolloutStore
from andon.rollouts.transitions import apply
from andon.store.engine import Database
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT
from andon.testing.shelf import Shelf, an_authority
from andon.testing.signing import Hand
from andon.units.model import Manifest
from andon.units.store import DesiredStore

STAGING = EnvironmentName("staging")
HOUR = timedelta(hours=1)
AUTO = Policy("production", bounds=Bounds("staging", HOUR, is_auto=True))
BY: dict[str, Any] = {"actor": "kim", "reason": "because"}


def two_environments() -> Manifest:
    staging = {"port": 8081, "instances": 1}
    return Manifest.model_validate(
        {
            "unit": {"name": "mes"},
            "run": {"command": ["serve"]},
            "environments": {
                "staging": staging,
                "production": {"port": 8080},
            },
        }
    )


class Policies:
    """What environments demand, one of which was changed by other hands."""

    async def environments(self) -> Sequence[str]:
        return ["broken", "production", "staging"]

    async def get(self, environment: str) -> Policy:
        if environment == "broken":
            raise Untrusted("policy-untrusted", "changed by other hands")
        return AUTO if environment == "production" else Policy(environment)


class Site:
    def __init__(self, database: Database) -> None:
        self.clock, self.hand, self.store = ManualClock(AT), Hand(), RolloutStore(database)
        shelf = Shelf(two_environments())
        authority = an_authority(database, shelf, self.hand, AUTO)
        self.commands = Commands(self.store, shelf, sequential, self.clock, authority)
        running = DesiredStore(database).list
        self.controller = AdvanceController(Policies(), self.store, self.commands, running, self.clock)

    async def end(self, rollout: Rollout, *actions: Any) -> None:
        for action in actions:
            before = await self.store.load(rollout.id)
            decision, now = Decision(action, "done"), self.clock.now()
            change = Change(before, apply(before.rollout, decision, now), None, None, now)
            await self.store.save(change, decision)

    async def staged(self, version: Version) -> None:
        await self.end(await self.commands.deploy(UNIT, STAGING, version, **BY), Finish(Phase.PROMOTED))

    async def here(self) -> list[tuple[str, str]]:
        return [(each.candidate, each.actor) for each in await self.store.list(UNIT, PRODUCTION)]


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


async def test_what_stood_long_enough_is_moved_once(site: Site) -> None:
    await site.staged(OLD)
    await site.controller.tick()
    assert await site.here() == []
    site.clock.advance(HOUR)
    await site.controller.tick()
    await site.controller.tick()
    assert await site.here() == [(OLD, "andon")]
    rollout = (await site.store.list(UNIT, PRODUCTION))[0]
    assert rollout.reason == "1.0.0 finished in staging, and the policy lets it come by itself"
    await site.end(rollout, RollBack(Trigger.HEALTH), Finish(Phase.RETURNED))
    await site.controller.tick()
    assert len(await site.here()) == 1, "what came back is not tried again"


async def test_what_a_person_took_back_stays_back_also_from_newer_releases(site: Site) -> None:
    await site.staged(OLD)
    site.clock.advance(HOUR)
    await site.controller.tick()
    rollout = (await site.store.list(UNIT, PRODUCTION))[0]
    await site.commands.request(rollout.id, RequestKind.ABORT, "kim", "parts are bad")
    await site.end(rollout, RollBack(Trigger.ABORT), Finish(Phase.RETURNED))
    await site.staged(NEW)
    site.clock.advance(HOUR)
    await site.controller.tick()
    assert len(await site.here()) == 1
    with pytest.raises(Conflict, match=r"kim holds mes in production after 1\.0\.0 was taken back"):
        await site.commands.deploy(UNIT, PRODUCTION, NEW, actor="token:ci", reason="nightly")
    await site.commands.release_hold(UNIT, PRODUCTION, "lee", "it was the fixture")
    await site.controller.tick()
    assert await site.here() == [(NEW, "andon"), (OLD, "andon")]


async def test_a_person_goes_past_a_hold_and_leaves_it(site: Site) -> None:
    await site.staged(OLD)
    site.clock.advance(HOUR)
    await site.commands.hold(UNIT, PRODUCTION, "kim", "audit week")
    begun = await site.commands.deploy(UNIT, PRODUCTION, OLD, **BY)
    assert "kim holds mes in production: audit week" in begun.plan.notes[0]
    assert "leaves the hold" in begun.plan.notes[0]
    assert len(await site.commands.holds()) == 1


async def test_nothing_advances_while_corded(site: Site) -> None:
    await site.staged(OLD)
    site.clock.advance(HOUR)
    await site.commands.pull_cord(PRODUCTION, returns=False, actor="kim", reason="smoke")
    await site.controller.tick()
    assert await site.here() == []


async def test_a_person_too_waits_for_the_environment_before(site: Site) -> None:
    await site.staged(OLD)
    with pytest.raises(Conflict, match="stable in staging for 0 s, and 1 h 0 min are asked for") as caught:
        await site.commands.deploy(UNIT, PRODUCTION, OLD, **BY)
    assert caught.value.code == "not-advanced"
    with pytest.raises(Conflict, match="did not finish a rollout in staging"):
        await site.commands.deploy(UNIT, PRODUCTION, NEW, **BY)


async def test_an_override_is_signed_over_what_it_lets_through_and_the_plan_says_who(site: Site) -> None:
    wanted = await site.commands.document_of_override(UNIT, PRODUCTION, NEW)
    other = await site.commands.document_of_override(UNIT, PRODUCTION, OLD)
    with pytest.raises(Conflict, match="something else"):
        await site.commands.deploy(UNIT, PRODUCTION, NEW, **BY, override=site.hand.sign(other, "max", AT))
    signed = site.hand.sign(wanted, "max", AT)
    forged = Document(wanted.action, wanted.subject, wanted.values)
    with pytest.raises(Untrusted):
        await site.commands.deploy(UNIT, PRODUCTION, NEW, **BY, override=Hand().sign(forged, "max", AT))
    begun = await site.commands.deploy(UNIT, PRODUCTION, NEW, **BY, override=signed)
    assert "max lets it come past staging, with a signature." in begun.plan.notes
