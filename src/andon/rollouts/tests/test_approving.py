"""Gates and signatures as people meet them: whose yes counts, what it is bound to, and what is refused."""

import asyncio
import functools
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from andon.access.policies.model import Policy, default
from andon.access.signatures.model import Action, Document, Meaning, Signature
from andon.access.signatures.store import SignatureStore, signatures
from andon.judge import sequential
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Untrusted
from andon.kernel.ids import EnvironmentName, RolloutId, Version
from andon.rollouts import documents
from andon.rollouts import store as tables
from andon.rollouts.actions import ConfirmStep, Decision, Finish, SetShare
from andon.rollouts.commands import Commands
from andon.rollouts.model import Answers, Phase, RequestKind, Rollout, Stage
from andon.rollouts.store import Change, RolloutStore
from andon.rollouts.transitions import apply
from andon.store.engine import Database
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT, a_manifest
from andon.testing.signing import Hand
from andon.testing.world import Shelf, an_authority
from andon.timeline.store import Filter, TimelineStore

ROLES, NEXT = ("approver",), Version("1.2.0")
BY: dict[str, Any] = {"actor": "kim", "reason": "because", "proposer_id": "us-kim"}
TWO = Policy(PRODUCTION, 1, is_production=True, approvals=2, signed=frozenset(Action))


@dataclass
class Desk:
    """The commands over one database, and a hand that signs for people."""

    database: Database
    policy: Policy = field(default_factory=lambda: default(PRODUCTION))
    shelf: Shelf = field(default_factory=lambda: Shelf(a_manifest(), shipped_by="ada"))
    hand: Hand = field(default_factory=Hand)
    clock: ManualClock = field(default_factory=lambda: ManualClock(AT))

    @property
    def store(self) -> RolloutStore:
        return RolloutStore(self.database)

    @property
    def authority(self) -> Any:
        return an_authority(self.database, self.shelf, self.hand, self.policy)

    @property
    def commands(self) -> Commands:
        return Commands(self.store, self.shelf, sequential, self.clock, self.authority)

    async def gated(self, **options: Any) -> Rollout:
        rollout = await self.commands.deploy(UNIT, PRODUCTION, NEW, **(BY | options))
        assert rollout.is_gated
        return rollout

    async def answer(
        self, rollout: Rollout, who: str, *, is_yes: bool = True, roles: Collection[str] = ROLES
    ) -> Rollout:
        document = await self.commands.document_of_answer(rollout.id, is_yes=is_yes)
        given = self.sign(document, who)
        return await (self.commands.approve if is_yes else self.commands.reject)(rollout.id, given, roles)

    def sign(self, document: Document, who: str = "lee") -> Signature:
        return self.hand.sign(document, who, self.clock.now())

    async def answers(self, rollout: Rollout) -> Answers:
        found: Answers = await self.authority.approvals.answers(await self.store.get(rollout.id))
        return found

    async def do(self, rollout: Rollout, *actions: Any) -> None:
        for action in actions:
            before = await self.store.load(rollout.id)
            decision = Decision(action, "done")
            after = apply(before.rollout, decision, AT)
            await self.store.save(Change(before, after, None, None, AT), decision)

    async def kinds(self, subject: str) -> list[str]:
        found = await TimelineStore(self.database).list(Filter(subject=subject), newest_first=False)
        return [each.event.kind for each in found]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def two(database: Database) -> Desk:
    return Desk(database, policy=TWO)


async def test_production_waits_at_its_gate_and_nothing_of_the_candidate_is_wanted(desk: Desk) -> None:
    rollout = await desk.gated()
    gate = rollout.plan.gate
    assert gate is not None
    assert (gate.approvals, gate.approver_role, gate.before_step) == (1, "approver", 0)
    assert rollout.deadline_at == AT + timedelta(days=7)
    desired = await desk.store.desired(UNIT, PRODUCTION)
    assert desired is not None
    assert desired.releases == ()


async def test_a_preview_says_who_must_approve(desk: Desk) -> None:
    shown = await desk.commands.preview(UNIT, PRODUCTION, NEW)
    assert shown.gate is not None
    assert "before 1 person with the role approver said yes" in shown.notes[0]
    assert "ends after 7 days" in shown.notes[1]
    desk.policy = Policy(PRODUCTION)
    assert (await desk.commands.preview(UNIT, PRODUCTION, NEW)).gate is None
    proposed = await desk.commands.preview(UNIT, PRODUCTION, NEW, needs_approval=True)
    assert proposed.gate is not None
    assert proposed.gate.approvals == 1
    assert (await desk.commands.deploy(UNIT, PRODUCTION, NEW, **BY, needs_approval=True)).plan == proposed


async def test_a_yes_is_stored_with_its_signature_and_told(desk: Desk) -> None:
    rollout = await desk.gated()
    await desk.answer(rollout, "lee")
    assert await desk.answers(rollout) == Answers(1, is_separated=True)
    assert await desk.kinds(f"rollout/{rollout.id}") == [
        "rollout.created",
        "signature.made",
        "rollout.approved",
    ]
    seen = await desk.commands.gate(rollout.id)
    assert seen is not None
    assert seen.is_open
    assert [each.signer for each in seen.approvers] == ["lee"]
    (made,) = await SignatureStore(desk.database).list(f"rollout/{rollout.id}")
    assert made.document.values == {
        "rollout": rollout.id,
        "unit": "mes",
        "environment": "production",
        "candidate": "1.1.0",
        "stable": None,
        "plan": rollout.plan.hash,
        "artifacts": {"wheelhouse/wheels.tar": "a" * 64},
        "gate": {
            "approvals": 1,
            "approver_role": "approver",
            "before_step": 0,
            "expires_after": 7 * 24 * 3600 * 10**6,
        },
        "role": "approver",
        "answer": "yes",
    }


@pytest.mark.parametrize("who", ["kim", "ada"], ids=["proposed it", "shipped it"])
async def test_who_shipped_or_proposed_cannot_be_the_only_approver(desk: Desk, who: str) -> None:
    rollout = await desk.gated()
    with pytest.raises(Forbidden, match=f"{who} shipped or proposed it") as caught:
        await desk.answer(rollout, who)
    assert caught.value.code == "separation-of-duty"
    seen = await desk.commands.gate(rollout.id)
    assert seen is not None
    assert seen.why_not(f"us-{who}", who, ROLES)
    assert not seen.why_not("us-lee", "lee", ROLES)
    assert await desk.answers(rollout) == Answers()


@pytest.mark.parametrize("is_yes", [True, False])
async def test_an_answer_counts_only_from_who_holds_the_role_of_the_gate(desk: Desk, is_yes: bool) -> None:
    desk.policy = replace(desk.policy, approver_role="qa-lead")
    rollout = await desk.gated()
    with pytest.raises(Forbidden, match="it asks for the role qa-lead, which lee does not hold") as caught:
        await desk.answer(rollout, "lee", is_yes=is_yes, roles={"approver", "admin"})
    assert caught.value.code == "not-this-role"
    with pytest.raises(Forbidden, match="qa-lead"):
        await desk.commands.check_role(rollout.id, "lee", {"approver"})
    assert await desk.answers(rollout) == Answers()
    await desk.commands.check_role(rollout.id, "max", {"qa-lead"})
    await desk.answer(rollout, "max", is_yes=is_yes, roles={"qa-lead"})
    found = await desk.answers(rollout)
    assert (found.approvals, bool(found.rejection)) == ((1, False) if is_yes else (0, True))


async def test_a_yes_in_another_role_counts_for_nothing_however_it_came_there(desk: Desk) -> None:
    rollout = await desk.gated()
    document = await desk.commands.document_of_answer(rollout.id, is_yes=True)
    for role in ("admin", ""):
        other = desk.sign(replace(document, values={**document.values, "role": role}), "lee")
        with pytest.raises(Conflict, match="changed since, or is something else"):
            await desk.commands.approve(rollout.id, other, ROLES)
        before = await desk.store.load(rollout.id)
        await desk.store.answer(before, other, AT, is_yes=True)
    assert await desk.answers(rollout) == Answers(problem="2 signatures do not count any more")


async def test_the_proposer_is_known_by_id_whatever_they_are_called(desk: Desk) -> None:
    rollout = await desk.gated(actor="token of kim", proposer_id="us-Kim")
    with pytest.raises(Forbidden, match="shipped or proposed"):
        await desk.answer(rollout, "kim")


@pytest.mark.parametrize(("actor", "shipped_by"), [("token:ci-of-kim", "ada"), ("max", "token:ci-of-Kim")])
async def test_nobody_is_the_only_approver_of_what_their_machine_did(
    desk: Desk, actor: str, shipped_by: str
) -> None:
    desk.shelf = replace(desk.shelf, shipped_by=shipped_by)
    rollout = await desk.gated(actor=actor, proposer_id="")
    with pytest.raises(Forbidden, match="kim shipped or proposed it") as caught:
        await desk.answer(rollout, "kim")
    assert caught.value.code == "separation-of-duty"
    await desk.answer(rollout, "lee")
    assert await desk.answers(rollout) == Answers(1, is_separated=True)


async def test_a_machine_whose_maker_nobody_knows_holds_up_nobody(desk: Desk) -> None:
    rollout = await desk.gated(actor="token:ci", proposer_id="")
    await desk.answer(rollout, "kim")
    assert (await desk.answers(rollout)).is_separated


async def test_a_login_is_compared_without_regard_to_case(desk: Desk) -> None:
    desk.shelf = replace(desk.shelf, shipped_by="LEE")
    rollout = await desk.gated()
    with pytest.raises(Forbidden, match="shipped or proposed"):
        await desk.answer(rollout, "lee")


async def test_the_proposer_may_be_one_of_two(two: Desk) -> None:
    rollout = await two.gated()
    await two.answer(rollout, "kim")
    assert await two.answers(rollout) == Answers(1, is_separated=False)
    with pytest.raises(Forbidden, match="ada shipped or proposed it"):
        await two.answer(rollout, "ada")
    await two.answer(rollout, "lee")
    assert await two.answers(rollout) == Answers(2, is_separated=True)


async def test_nobody_counts_twice(two: Desk) -> None:
    rollout = await two.gated()
    await two.answer(rollout, "lee")
    with pytest.raises(Conflict, match="lee has approved it already"):
        await two.answer(rollout, "lee")
    assert (await two.answers(rollout)).approvals == 1


@pytest.mark.asvs("2.3.4")
async def test_two_who_approve_at_once_both_count(two: Desk) -> None:
    rollout = await two.gated()
    await asyncio.gather(two.answer(rollout, "lee"), two.answer(rollout, "max"))
    assert await two.answers(rollout) == Answers(2, is_separated=True)
    assert (await two.store.load(rollout.id)).revision == 3


async def test_a_no_stands_whatever_is_said_after_it(two: Desk) -> None:
    rollout = await two.gated()
    await two.answer(rollout, "lee", is_yes=False)
    assert (await two.answers(rollout)).rejection == "rejected by lee: I looked at it"
    for is_yes in (True, False):
        with pytest.raises(Conflict, match="rejected by lee"):
            await two.answer(rollout, "max", is_yes=is_yes)
    assert "rollout.rejected" in await two.kinds(f"rollout/{rollout.id}")


async def test_a_signature_is_used_once_and_only_for_what_was_signed(two: Desk) -> None:
    rollout = await two.gated()
    yes = two.sign(await two.commands.document_of_answer(rollout.id, is_yes=True))
    no = two.sign(await two.commands.document_of_answer(rollout.id, is_yes=False))
    with pytest.raises(Conflict, match="changed since, or is something else"):
        await two.commands.approve(rollout.id, no, ROLES)
    with pytest.raises(Conflict, match="changed since, or is something else"):
        await two.commands.reject(rollout.id, yes, ROLES)
    with pytest.raises(Untrusted, match="does not verify"):
        await two.commands.approve(rollout.id, replace(yes, signer_id="us-eve", signer="eve"), ROLES)
    await two.commands.approve(rollout.id, yes, ROLES)
    forged = replace(yes, id="sg-other")
    with pytest.raises(Untrusted):
        await two.commands.approve(rollout.id, forged, ROLES)


@pytest.mark.part11("11.70")
async def test_other_bytes_or_another_plan_make_a_yes_worth_nothing(two: Desk) -> None:
    rollout = await two.gated()
    await two.answer(rollout, "lee")
    await two.answer(rollout, "max")
    genuine = two.shelf
    two.shelf = replace(genuine, bytes_of="b")
    assert await two.answers(rollout) == Answers(problem="2 signatures do not count any more")
    two.shelf = genuine
    assert (await two.answers(rollout)).approvals == 2
    rows = tables.rollouts
    async with two.database.transaction() as tx:
        document = (await tx.execute(select(rows.c.document))).scalar_one()
        document["plan"]["gate"]["approvals"] = 1  # the plan's hash is left as it was
        await tx.execute(update(rows).values(document=document))
    assert (await two.answers(rollout)).approvals == 0


@pytest.mark.part11("11.70")
async def test_a_yes_that_is_moved_to_another_rollout_counts_for_nothing(two: Desk) -> None:
    first = await two.gated()
    await two.answer(first, "lee")
    await two.do(first, Finish(Phase.RETURNED))
    second = await two.gated()
    async with two.database.transaction() as tx:
        row = dict((await tx.execute(select(signatures))).one()._mapping)
        moved = {"id": "sg-moved", "subject": f"rollout/{second.id}"}
        await tx.execute(insert(signatures).values(row | moved))
        document = {**row["document"], "rollout": second.id, "plan": second.plan.hash}
        present = await two.commands.document_of_answer(second.id, is_yes=True)
        forged = {"id": "sg-forged", "document": document, "document_hash": present.hash}
        await tx.execute(insert(signatures).values(row | moved | forged))
    assert await two.answers(second) == Answers(problem="2 signatures do not count any more")


async def test_without_a_release_that_verifies_no_yes_counts_and_nobody_can_give_one(two: Desk) -> None:
    rollout = await two.gated()
    await two.answer(rollout, "lee")

    class Broken(Shelf):
        async def signed(self, *_: Any) -> Any:
            raise Untrusted("bad-hash", "its hash is another one")

    two.shelf = Broken(a_manifest())
    answers = await two.answers(rollout)
    assert (answers.approvals, answers.problem) == (
        0,
        "the release does not verify: its hash is another one",
    )
    with pytest.raises(Untrusted):
        await two.answer(rollout, "max")


async def test_only_a_waiting_gate_is_answered(desk: Desk) -> None:
    rollout = await desk.gated()
    document = await desk.commands.document_of_answer(rollout.id, is_yes=True)
    await desk.commands.pull_cord(PRODUCTION, returns=False, actor="kim", reason="smoke")
    await desk.answer(rollout, "lee")  # an answer moves nothing, so the cord does not forbid it
    desk.policy = Policy(PRODUCTION)
    await desk.commands.request(rollout.id, RequestKind.ABORT, "kim", "no")
    with pytest.raises(Conflict, match="kim has asked to abort it"):
        await desk.commands.approve(rollout.id, desk.sign(document, "max"), ROLES)
    await desk.do(rollout, Finish(Phase.RETURNED))
    shut = await desk.commands.gate(rollout.id)
    assert shut is not None
    assert shut.why_not("us-max", "max", ROLES) == "it does not wait for an approval"
    with pytest.raises(Conflict, match=r"it is over \(returned\)"):
        await desk.commands.approve(rollout.id, desk.sign(document, "max"), ROLES)
    with pytest.raises(NotFound):
        await desk.commands.approve(RolloutId("ro-9"), desk.sign(document, "max"), ROLES)


async def test_what_has_no_gate_is_not_answered(desk: Desk) -> None:
    desk.policy = Policy(PRODUCTION)
    rollout = await desk.commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    assert rollout.stage is Stage.SCALING
    assert await desk.commands.gate(rollout.id) is None
    with pytest.raises(Conflict, match="it waits for no approval"):
        await desk.answer(rollout, "lee")


async def test_after_seven_days_it_is_too_late_unless_it_stood_still(desk: Desk) -> None:
    rollout = await desk.gated()
    desk.clock.advance(timedelta(days=7))
    with pytest.raises(Conflict, match="its time for approvals is over"):
        await desk.answer(rollout, "lee")
    await desk.commands.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    before = await desk.store.load(rollout.id)
    paused = replace(before.rollout, paused_at=AT, request=None)
    await desk.store.save(Change(before, paused, None, None, AT), Decision(SetShare(0), "paused"))
    await desk.answer(rollout, "lee")


async def standings(desk: Desk) -> list[str]:
    """Of the promotion, the approval and the abort, in the order of their names from the end."""
    found = await SignatureStore(desk.database).list()
    made = sorted(found, key=lambda each: each.document.action, reverse=True)
    present = [await desk.commands.present_document(each) for each in made]
    return [desk.hand.sealer.standing(*each).value for each in zip(made, present, strict=True)]


@pytest.mark.part11("11.70")
async def test_a_signature_over_what_changed_since_is_shown_as_unsigned(desk: Desk) -> None:
    rollout = await serving(desk)
    for kind in (RequestKind.PROMOTE, RequestKind.ABORT):
        given = desk.sign(await desk.commands.document_of_request(rollout.id, kind))
        await desk.commands.request(rollout.id, kind, "lee", "so", signature=given)
    await desk.do(await desk.store.get(rollout.id), Finish(Phase.RETURNED))
    assert await standings(desk) == ["valid"] * 3  # going on takes nothing from them
    genuine = desk.shelf
    desk.shelf = replace(genuine, bytes_of="b")
    assert await standings(desk) == ["valid", "unsigned", "valid"]
    desk.shelf = genuine
    rows = tables.rollouts
    async with desk.database.transaction() as tx:
        document = (await tx.execute(select(rows.c.document))).scalar_one()
        document["plan"]["notes"] = ["another plan"]
        await tx.execute(update(rows).values(document=document))
    assert await standings(desk) == ["unsigned"] * 3
    async with desk.database.transaction() as tx:
        await tx.execute(update(rows).values(document=[1]))
    assert await standings(desk) == ["unsigned"] * 3


async def test_what_is_past_is_not_compared_with_today(desk: Desk) -> None:
    await desk.commands.pull_cord(PRODUCTION, returns=False, actor="kim", reason="smoke")
    given = desk.sign(await desk.commands.document_of_cord(PRODUCTION))
    assert await desk.commands.present_document(given) is None
    pull = desk.sign(await desk.commands.document_of_pull(PRODUCTION))
    assert await desk.commands.present_document(pull) is None


async def test_a_return_is_compared_with_the_rollout_that_it_ended(desk: Desk) -> None:
    await serving(desk)
    document = await desk.commands.document_of_rollback(UNIT, PRODUCTION)
    assert await desk.commands.present_document(desk.sign(document)) == document


# Signatures of what people ask


async def refused(asking: Any, action: Action, environment: str | None = "production") -> None:
    with pytest.raises(Forbidden) as caught:
        await asking
    assert caught.value.code == "signature-required"
    assert caught.value.needs == {
        "action": action,
        "environment": environment,
        "meanings": [each.value for each in Meaning],
    }


async def serving(desk: Desk) -> Rollout:
    rollout = await desk.gated()
    await desk.answer(rollout, "lee")
    await desk.do(rollout, SetShare(1.0), ConfirmStep())
    return await desk.store.get(rollout.id)


@pytest.mark.parametrize("kind", [RequestKind.ABORT, RequestKind.PROMOTE])
async def test_what_the_policy_wants_signed_is_refused_without(desk: Desk, kind: RequestKind) -> None:
    rollout = await serving(desk)
    await refused(
        desk.commands.request(rollout.id, kind, "kim", "so"), documents.SIGNED[kind], rollout.environment
    )
    document = await desk.commands.document_of_request(rollout.id, kind)
    assert document.values["step"] == 0
    given = desk.sign(document)
    after = await desk.commands.request(rollout.id, kind, "lee", "so", signature=given)
    assert after.request is not None
    assert after.request.signature == given.id
    assert (await SignatureStore(desk.database).get(given.id)) == given
    kinds = await desk.kinds(f"rollout/{rollout.id}")
    assert kinds[-2:] == ["signature.made", "rollout.requested"]


async def test_pausing_is_never_signed(desk: Desk) -> None:
    rollout = await serving(desk)
    await desk.commands.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    with pytest.raises(InvalidInput, match="pause is never signed"):
        await desk.commands.document_of_request(rollout.id, RequestKind.PAUSE)


async def test_a_promotion_is_for_the_step_that_was_signed_and_an_abort_for_any(desk: Desk) -> None:
    rollout = await serving(desk)
    promote = desk.sign(await desk.commands.document_of_request(rollout.id, RequestKind.PROMOTE))
    abort = desk.sign(await desk.commands.document_of_request(rollout.id, RequestKind.ABORT))
    elsewhere = replace(rollout, stage=Stage.WARM, phase=Phase.FINISHING)
    before = await desk.store.load(rollout.id)
    await desk.store.save(Change(before, elsewhere, None, None, AT), Decision(SetShare(1), "moved"))
    with pytest.raises(Conflict, match="changed since"):
        await desk.commands.request(rollout.id, RequestKind.PROMOTE, "lee", "so", signature=promote)
    with pytest.raises(Conflict, match="changed since"):
        await desk.commands.request(rollout.id, RequestKind.ABORT, "lee", "so", signature=promote)
    assert (await desk.commands.request(rollout.id, RequestKind.ABORT, "lee", "so", signature=abort)).request


async def test_a_refused_request_leaves_no_signature_behind(desk: Desk) -> None:
    rollout = await serving(desk)
    given = desk.sign(await desk.commands.document_of_request(rollout.id, RequestKind.ABORT))
    await desk.do(rollout, Finish(Phase.RETURNED))
    with pytest.raises(Conflict, match="it is over"):
        await desk.commands.request(rollout.id, RequestKind.ABORT, "lee", "so", signature=given)
    with pytest.raises(NotFound):
        await SignatureStore(desk.database).get(given.id)


async def test_a_damaged_rollout_is_closed_with_a_signature_too(desk: Desk) -> None:
    rollout = await desk.gated()
    assert not await desk.commands.close_damaged(rollout.id, "kim", "it is sound")
    async with desk.database.transaction() as tx:
        await tx.execute(update(tables.rollouts).values(document=[1]))
    await refused(desk.commands.close_damaged(rollout.id, "kim", "disk"), Action.ABORT)
    given = desk.sign(await desk.commands.document_of_request(rollout.id, RequestKind.ABORT))
    assert given.document.values["is_damaged"]
    assert await desk.commands.close_damaged(rollout.id, "lee", "disk", signature=given)
    assert (await SignatureStore(desk.database).list())[0] == given


async def test_a_return_that_ends_a_rollout_is_signed_where_an_abort_is(desk: Desk) -> None:
    rollout = await serving(desk)
    desk.policy = replace(desk.policy, signed=frozenset({Action.ABORT}))
    await refused(desk.commands.rollback(UNIT, PRODUCTION, **BY), Action.ROLLBACK)
    document = await desk.commands.document_of_rollback(UNIT, PRODUCTION)
    assert document.values["aborts"] == rollout.id
    given = desk.sign(document)
    after = await desk.commands.rollback(UNIT, PRODUCTION, **BY, signature=given)
    assert after.request is not None
    assert after.request.signature == given.id


async def finished(desk: Desk, *versions: Version) -> None:
    policy, desk.policy = desk.policy, Policy(PRODUCTION)
    for version in versions:
        rollout = await desk.commands.deploy(UNIT, PRODUCTION, version, **BY)
        await desk.do(rollout, Finish(Phase.PROMOTED))
        desk.clock.advance(timedelta(seconds=1))
    desk.policy = policy


async def test_a_return_to_what_finished_there_is_signed_and_waits_for_nobody(desk: Desk) -> None:
    await finished(desk, OLD, NEW)
    await refused(desk.commands.rollback(UNIT, PRODUCTION, **BY), Action.ROLLBACK)
    document = await desk.commands.document_of_rollback(UNIT, PRODUCTION)
    assert (document.values["from"], document.values["to"], document.values["aborts"]) == (NEW, OLD, "")
    back = await desk.commands.rollback(UNIT, PRODUCTION, **BY, signature=desk.sign(document))
    assert (back.candidate, back.is_gated, back.plan.is_rollback) == (OLD, False, True)


async def test_a_return_to_what_never_finished_there_waits_at_the_gate(desk: Desk) -> None:
    await finished(desk, OLD)
    given = desk.sign(await desk.commands.document_of_rollback(UNIT, PRODUCTION, NEW))
    back = await desk.commands.rollback(UNIT, PRODUCTION, to=NEW, **BY, signature=given)
    assert (back.candidate, back.is_gated) == (NEW, True)
    assert "before 1 person" in back.plan.notes[0]


async def gone_back(desk: Desk, to: Version) -> None:
    given = desk.sign(await desk.commands.document_of_rollback(UNIT, PRODUCTION, to))
    rollout = await desk.commands.rollback(UNIT, PRODUCTION, to=to, **BY, signature=given)
    assert not rollout.is_gated
    await desk.do(rollout, Finish(Phase.PROMOTED))


async def test_a_return_to_what_somebody_went_back_from_waits_at_the_gate(desk: Desk) -> None:
    await finished(desk, OLD, NEW)
    await gone_back(desk, OLD)
    given = desk.sign(await desk.commands.document_of_rollback(UNIT, PRODUCTION, NEW))
    again = await desk.commands.rollback(UNIT, PRODUCTION, to=NEW, **BY, signature=given)
    assert (again.candidate, again.is_gated) == (NEW, True)


async def test_back_never_means_forward_without_a_gate(desk: Desk) -> None:
    await finished(desk, OLD, NEW, NEXT)
    await gone_back(desk, OLD)  # past NEW, which nobody withdrew
    given = desk.sign(await desk.commands.document_of_rollback(UNIT, PRODUCTION, NEW))
    again = await desk.commands.rollback(UNIT, PRODUCTION, to=NEW, **BY, signature=given)
    assert (again.candidate, again.is_gated) == (NEW, True)


async def test_what_was_withdrawn_and_approved_again_is_a_return_like_any_other(desk: Desk) -> None:
    await finished(desk, OLD, NEW)
    await gone_back(desk, OLD)
    await finished(desk, NEW, NEXT)
    await gone_back(desk, NEW)
    await gone_back(desk, OLD)


@pytest.mark.parametrize("environment", [None, PRODUCTION])
async def test_a_cord_is_released_by_a_signature_over_that_cord(desk: Desk, environment: Any) -> None:
    await desk.commands.pull_cord(environment, returns=False, actor="kim", reason="smoke")
    await refused(desk.commands.release_cord(environment, "lee", "toast"), Action.RELEASE_CORD, environment)
    document = await desk.commands.document_of_cord(environment)
    assert document.values == {
        "environment": environment,
        "pulled_by": "kim",
        "pulled_at": AT.isoformat(),
        "reason": "smoke",
        "returns": False,
    }
    stale = desk.sign(document)
    await desk.store.cord.release(await desk.store.cord.get(environment), ("max", "toast"), AT)
    await desk.commands.pull_cord(environment, returns=False, actor="kim", reason="more smoke")
    with pytest.raises(Conflict, match="changed since"):
        await desk.commands.release_cord(environment, "lee", "toast", signature=stale)
    given = desk.sign(await desk.commands.document_of_cord(environment))
    await desk.commands.release_cord(environment, "lee", "toast", signature=given)
    assert await desk.commands.cords() == []
    assert (await desk.kinds(document.subject))[-2:] == ["signature.made", "cord.released"]


async def test_a_cord_that_returns_is_signed_as_the_aborts_that_it_is(desk: Desk) -> None:
    rollout = await serving(desk)
    pull = functools.partial(desk.commands.pull_cord, PRODUCTION, returns=True, actor="lee", reason="fire")
    await refused(pull(), Action.ABORT)
    assert await desk.commands.cords() == []
    document = await desk.commands.document_of_pull(PRODUCTION)
    assert (document.action, document.subject) == (Action.ABORT, "cord/production")
    assert document.values == {"environment": PRODUCTION, "returns": True, "rollouts": [rollout.id]}
    elsewhere = desk.sign(await desk.commands.document_of_pull(EnvironmentName("staging")))
    with pytest.raises(Conflict, match="changed since"):
        await pull(signature=elsewhere)
    given = desk.sign(document)
    assert (await pull(signature=given)).returns
    assert await SignatureStore(desk.database).get(given.id) == given
    assert await desk.kinds("cord/production") == ["signature.made", "cord.pulled"]


async def test_the_cord_of_everywhere_that_returns_is_signed_as_in_production(desk: Desk) -> None:
    await refused(desk.commands.pull_cord(None, returns=True, actor="kim", reason="fire"), Action.ABORT, None)
    staging = EnvironmentName("staging")
    assert (await desk.commands.pull_cord(staging, returns=True, actor="kim", reason="fire")).returns


async def test_a_pulled_cord_only_becomes_stronger_and_the_record_says_from_what(desk: Desk) -> None:
    desk.policy = Policy(PRODUCTION)
    pull = functools.partial(desk.commands.pull_cord, PRODUCTION)
    await pull(returns=False, actor="kim", reason="smoke")
    with pytest.raises(Conflict, match="pulled in production already: kim pulled it: smoke") as caught:
        await pull(returns=False, actor="max", reason="mine")
    assert caught.value.code == "already-pulled"
    await pull(returns=True, actor="lee", reason="fire")
    for returns in (False, True):
        with pytest.raises(Conflict, match="lee pulled it with a return: fire"):
            await pull(returns=returns, actor="max", reason="mine")
    with pytest.raises(Conflict, match="already"):
        await desk.commands.document_of_pull(PRODUCTION)
    (cord,) = await desk.commands.cords()
    assert (cord.actor, cord.returns) == ("lee", True)
    record = (await TimelineStore(desk.database).list(Filter(subject="cord/production")))[0].event
    assert record.before == {"returns": False, "pulled_by": "kim", "reason": "smoke", "at": AT.isoformat()}
    assert record.after == {"returns": True, "pulled_by": "lee", "reason": "fire"}


async def test_elsewhere_the_cord_is_released_without(desk: Desk) -> None:
    staging = EnvironmentName("staging")
    await desk.commands.pull_cord(staging, returns=False, actor="kim", reason="smoke")
    await desk.commands.release_cord(staging, "kim", "toast")


@pytest.mark.asvs("16.5.3")
async def test_a_policy_that_cannot_be_trusted_begins_nothing_and_still_lets_an_abort_through(
    desk: Desk,
) -> None:
    rollout = await serving(desk)

    class Torn:
        async def get(self, _environment: str) -> Policy:
            raise Untrusted("policy-untrusted", "its signature is forged")

        async def production(self) -> set[str]:
            return {PRODUCTION}

    torn = replace(desk.authority, policies=Torn())
    commands = Commands(desk.store, desk.shelf, sequential, desk.clock, torn)
    with pytest.raises(Untrusted):
        await commands.deploy(UNIT, PRODUCTION, NEW, **BY)
    await refused(commands.request(rollout.id, RequestKind.ABORT, "kim", "so"), Action.ABORT)
    given = desk.sign(await commands.document_of_request(rollout.id, RequestKind.ABORT))
    assert (await commands.request(rollout.id, RequestKind.ABORT, "kim", "so", signature=given)).request
