"""Gates and signatures as people meet them: whose yes counts, what it is bound to, and what is refused."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from andon.access.policies.model import Policy
from andon.access.signatures.store import SignatureStore, signatures
from andon.kernel.errors import Conflict, Forbidden, NotFound, Untrusted
from andon.kernel.ids import RolloutId
from andon.rollouts.actions import Decision, Finish, SetShare
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Answers, Phase, RequestKind, Stage
from andon.rollouts.rows import store as tables
from andon.store.engine import Database
from andon.testing.desk import BY, ROLES, TWO, Desk
from andon.testing.rolling import AT, NEW, PRODUCTION, UNIT, a_manifest
from andon.testing.shelf import Shelf


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
    rollout = await desk.serving()
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
    await desk.serving()
    document = await desk.commands.document_of_rollback(UNIT, PRODUCTION)
    assert await desk.commands.present_document(desk.sign(document)) == document
