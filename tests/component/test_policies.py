"""Policies in the database: versioned, signed, and not obeyed when no signature bears them out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from andon.access.model import PRODUCTION, Role
from andon.access.policies import held
from andon.access.policies.calendar import Calendar
from andon.access.policies.commands import Policies, document
from andon.access.policies.model import Bounds, Policy, default
from andon.access.policies.store import TRIGGERS, PolicyStore, policies, values
from andon.access.rights import BUILTIN
from andon.access.signatures.model import Action
from andon.access.signatures.store import SignatureStore
from andon.kernel.clock import ManualClock
from andon.kernel.errors import AndonError, Conflict, Damaged, InvalidInput, Untrusted
from andon.store.engine import Database
from andon.testing.signing import Hand
from andon.timeline.store import Filter, TimelineStore

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVERY = frozenset(Action)


async def roles() -> Mapping[str, Role]:
    return BUILTIN


@dataclass
class Desk:
    database: Database
    hand: Hand = field(default_factory=Hand)
    clock: ManualClock = field(default_factory=lambda: ManualClock(AT))

    def __post_init__(self) -> None:
        signatures = SignatureStore(self.database)
        self.policies = Policies(PolicyStore(self.database), signatures, self.hand.sealer, roles, self.clock)

    async def draft(self, environment: str = PRODUCTION, **changes: Any) -> Policy:
        wanted = {"is_production": True, "approvals": 2, "approver_role": "approver", "signed": EVERY}
        return await self.policies.draft(environment, **(wanted | changes))

    async def put(self, environment: str = PRODUCTION, **changes: Any) -> Policy:
        drafted = await self.draft(environment, **changes)
        return await self.policies.put(drafted, self.hand.sign(document(drafted), "root", AT, "two eyes"))

    async def without_triggers(self, statement: Any) -> None:
        """Whoever owns the database can do this."""
        async with self.database.transaction() as tx:
            for made in TRIGGERS["sqlite" if self.database.is_sqlite else "postgresql"]:
                if made.startswith("CREATE TRIGGER"):
                    where = "" if self.database.is_sqlite else " ON policies"
                    await tx.execute(text(f"DROP TRIGGER {made.split()[2]}{where}"))
            await tx.execute(statement)


@pytest.fixture
def desk(any_database: Database) -> Desk:
    return Desk(any_database)


@pytest.mark.asvs("7.5.1")
@pytest.mark.part11("11.10(k)")
async def test_a_signed_change_is_a_version_with_its_signature_and_its_record(desk: Desk) -> None:
    assert await desk.policies.get(PRODUCTION) == default(PRODUCTION)
    made = await desk.put()
    assert await desk.policies.get(PRODUCTION) == made == replace(default(PRODUCTION), version=1, approvals=2)
    await desk.put(approvals=3)
    history = await desk.policies.history(PRODUCTION)
    assert [(each.policy.version, each.policy.approvals, each.actor) for each in history] == [
        (2, 3, "root"),
        (1, 2, "root"),
    ]
    records = await TimelineStore(desk.database).list(Filter(subject="policy/production"), newest_first=False)
    assert [each.event.kind for each in records] == ["signature.made", "policy.changed"] * 2
    event = records[-1].event
    assert (event.before["approvals"], event.after["approvals"], event.reason) == (2, 3, "two eyes")
    assert event.after["signature"] == history[0].signature


async def test_environments_and_production_are_known(desk: Desk) -> None:
    assert await desk.policies.production() == {PRODUCTION}
    await desk.put("plant-2", is_production=True)
    await desk.put("staging", is_production=False)
    assert await desk.policies.production() == {PRODUCTION, "plant-2"}
    listed = await desk.policies.list(["development"])
    assert [each.environment for each in listed] == ["development", "plant-2", PRODUCTION, "staging"]
    assert (await desk.policies.get("development")).approvals == 0


async def test_what_another_process_changed_is_seen_after_two_seconds(desk: Desk) -> None:
    other = Desk(desk.database, desk.hand, desk.clock)
    assert await other.policies.production() == {PRODUCTION}
    await desk.put("plant-2")
    desk.clock.advance(timedelta(seconds=1.9))
    assert await other.policies.production() == {PRODUCTION}
    desk.clock.advance(timedelta(seconds=0.1))
    assert await other.policies.production() == {PRODUCTION, "plant-2"}


async def test_a_signature_over_another_text_changes_nothing(desk: Desk) -> None:
    drafted = await desk.draft()
    given = desk.hand.sign(document(drafted), "root", AT)
    with pytest.raises(Conflict, match="another text"):
        await desk.policies.put(replace(drafted, approvals=0), given)
    with pytest.raises(Conflict, match="another text"):
        await desk.policies.put(replace(drafted, environment="plant-2"), given)
    with pytest.raises(Untrusted, match="does not verify"):
        await desk.policies.put(drafted, replace(given, signer="eve"))
    assert await desk.policies.history(PRODUCTION) == []
    assert await SignatureStore(desk.database).list() == []


async def test_a_calendar_is_kept_signed_and_taken_away_like_the_rest(desk: Desk) -> None:
    plant = Calendar("Asia/Seoul", ("night", "Sun 08:00-18:00"), ("2026-12-24 stock",), _NIGHT)
    with_it = await desk.put(calendar=plant)
    assert (await desk.policies.get(PRODUCTION)).calendar == plant
    later = await desk.put(approvals=3, keeps_calendar=True)
    assert (later.version, later.calendar) == (with_it.version + 1, plant)
    await desk.without_triggers(
        update(policies)
        .where(policies.c.version == later.version)
        .values(document={**values(later), "calendar": {"zone": "UTC"}})
    )
    with pytest.raises(Untrusted):
        await desk.policies.get(PRODUCTION)
    assert (await desk.put()).calendar is None


_NIGHT = (("night", ("Mon-Fri 22:00-06:00",)),)


async def test_a_calendar_that_cannot_be_read_is_damage_not_always_open(desk: Desk) -> None:
    kept = await desk.put(calendar=Calendar("Asia/Seoul"))
    await desk.without_triggers(
        update(policies).values(document={**values(kept), "calendar": {"zone": "Mars/Olympus"}})
    )
    with pytest.raises(Damaged, match="Mars/Olympus"):
        await desk.policies.get(PRODUCTION)


async def test_a_change_of_an_older_version_is_refused(desk: Desk) -> None:
    first, second = await desk.draft(approvals=2), await desk.draft(approvals=3)
    await desk.policies.put(first, desk.hand.sign(document(first), "root", AT))
    with pytest.raises(Conflict, match="changed in between"):
        await desk.policies.put(second, desk.hand.sign(document(second), "root", AT))
    with pytest.raises(Conflict, match="changed in between"):
        store = PolicyStore(desk.database)
        await store.put(default(PRODUCTION), second, desk.hand.sign(document(second), "root", AT), AT)
    assert (await desk.policies.get(PRODUCTION)).approvals == 2


@pytest.mark.parametrize(
    ("environment", "changes"),
    [
        (PRODUCTION, {"approvals": 6}),
        (PRODUCTION, {"approver_role": "engineer"}),
        (PRODUCTION, {"is_production": False}),
        ("staging", {"signed": frozenset()}),
        ("Not a Name", {}),
    ],
)
async def test_a_policy_that_may_not_be_is_refused_before_anybody_signs(
    desk: Desk, environment: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        await desk.draft(environment, **changes)
    bad = replace(default(environment), version=1, **changes)
    with pytest.raises(InvalidInput):
        await desk.policies.put(bad, desk.hand.sign(document(bad), "root", AT))


@pytest.mark.parametrize("statement", ["UPDATE policies SET actor = 'eve'", "DELETE FROM policies"])
async def test_the_database_refuses_to_change_or_delete_a_policy(desk: Desk, statement: str) -> None:
    made = await desk.put()
    with pytest.raises(AndonError, match="never changed and never deleted"):
        async with desk.database.transaction() as tx:
            await tx.execute(text(statement))
    assert await desk.policies.get(PRODUCTION) == made


def _weaker(policy: Policy) -> dict[str, Any]:
    return {**document(policy).values, "approvals": 0}


@pytest.mark.asvs("16.3.3")
async def test_a_policy_that_other_hands_changed_is_not_obeyed_and_a_signed_one_mends_it(desk: Desk) -> None:
    made = await desk.put("plant-2")
    await desk.without_triggers(update(policies).values(document=_weaker(made) | {"is_production": False}))
    with pytest.raises(Untrusted, match="its signature is unsigned"):
        await desk.policies.get("plant-2")
    desk.clock.advance(timedelta(seconds=3))
    assert "plant-2" in await desk.policies.production()  # what is broken opens nothing
    await desk.put("plant-2", approvals=4)
    assert (await desk.policies.get("plant-2")).approvals == 4


async def test_a_policy_without_a_signature_or_with_anothers_is_not_obeyed(desk: Desk) -> None:
    made = await desk.put("plant-2")
    async with desk.database.transaction() as tx:
        row = dict((await tx.execute(select(policies))).one()._mapping)
        await tx.execute(insert(policies).values(row | {"version": 2, "signature": "sg-none"}))
        await tx.execute(insert(policies).values(row | {"environment": "staging"}))
    with pytest.raises(Untrusted, match="its signature is gone"):
        await desk.policies.get("plant-2")
    with pytest.raises(Untrusted, match="it is the one of plant-2"):
        await desk.policies.get("staging")
    assert made.approvals == 2


async def test_a_policy_that_cannot_be_read_is_damage_and_counts_as_production(desk: Desk) -> None:
    await desk.put("staging", is_production=False)
    await desk.without_triggers(update(policies).values(document={"signed": ["everything"]}))
    with pytest.raises(Damaged, match="policy of staging cannot be read"):
        await desk.policies.get("staging")
    desk.clock.advance(timedelta(seconds=3))
    assert "staging" in await desk.policies.production()


@pytest.mark.part11("11.10(a)")
async def test_a_version_that_is_not_what_the_timeline_tells_is_named(desk: Desk) -> None:
    made = await desk.put("plant-2")
    await desk.put("staging", is_production=False)
    assert await held.policies(desk.database) == []
    await desk.without_triggers(
        update(policies).where(policies.c.environment == "plant-2").values(document=_weaker(made))
    )
    async with desk.database.transaction() as tx:
        await tx.execute(delete(policies).where(policies.c.environment == "staging"))
    found = {each.what: each.sentence for each in await held.policies(desk.database)}
    assert set(found) == {"policy-altered", "policy-missing"}
    assert "plant-2, version 1" in found["policy-altered"]
    assert "staging, version 1" in found["policy-missing"]


ALL = Bounds(
    "staging",
    timedelta(hours=24),
    True,
    frozenset({"canary", "blue-green"}),
    0.005,
    1.4,
    True,
    "mine",
)


@pytest.mark.part11("11.10(k)", "11.70")
async def test_bounds_come_back_as_they_were_signed(desk: Desk) -> None:
    await desk.put(bounds=ALL)
    assert (await desk.policies.get(PRODUCTION)).bounds == ALL
    kept = await desk.draft(approvals=3)
    assert kept.bounds == ALL, "a change that says nothing of bounds leaves them"
    assert (await desk.put(bounds=Bounds())).bounds == Bounds()
    assert await held.policies(desk.database) == []


def test_a_policy_without_bounds_has_the_text_that_was_signed_before_there_were_any() -> None:
    assert values(default(PRODUCTION)) == {
        "environment": "production",
        "version": 0,
        "is_production": True,
        "approvals": 1,
        "approver_role": "approver",
        "signed": sorted(each.value for each in Action),
    }
    bounded = replace(default(PRODUCTION), bounds=Bounds("staging"))
    assert values(bounded)["bounds"] == {"promotes_from": "staging"}


@pytest.mark.part11("11.70")
@pytest.mark.parametrize("bounds", [{"alpha_at_most": 0.4}, {"of_tomorrow": 1}, "loose"])
async def test_bounds_that_were_loosened_by_other_hands_are_not_obeyed(desk: Desk, bounds: Any) -> None:
    made = await desk.put(bounds=ALL)
    document_ = values(made) | {"bounds": bounds}
    await desk.without_triggers(update(policies).values(document=document_))
    with pytest.raises((Untrusted, Damaged)):
        await desk.policies.get(PRODUCTION)


async def test_environments_that_promote_from_each_other_are_refused(desk: Desk) -> None:
    await desk.put("staging", is_production=False, approvals=0, bounds=Bounds("production"))
    with pytest.raises(InvalidInput, match="in a circle, production from staging from production"):
        await desk.draft(bounds=Bounds("staging"))
