"""One signature over all of a set: it opens every member's gate, and any change of a member unsigns it."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from andon.access.policies.model import Policy
from andon.access.signatures.model import Document, Signature, Standing
from andon.access.signatures.store import SignatureStore
from andon.kernel.errors import Conflict, Forbidden, NotFound, Untrusted
from andon.kernel.ids import EnvironmentName, RolloutId, Version
from andon.rollouts import codec
from andon.rollouts.model import RequestKind
from andon.rollouts.rows import store as rows
from andon.rollouts.sets.answers import SetAnswers
from andon.rollouts.sets.approving import SetApproving
from andon.rollouts.sets.model import Part, SetPhase, SetRollout
from andon.rollouts.sets.store import set_rollouts
from andon.rollouts.steps import Plan
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION
from andon.timeline.store import Filter, TimelineStore
from tests.simulation.set_site import UNITS, Site

ROLES = {"approver"}
ONE_YES = Policy("production", approvals=1)
TWO_YES = Policy("production", approvals=2)


def approving(site: Site) -> SetApproving:
    authority = site.authority
    answers = SetAnswers(site.sets, site.store, SignatureStore(site.database), site.hand.sealer, site.shelf)
    return SetApproving(site.sets, answers, authority, site.clock)


async def begun(site: Site, policy: Policy = ONE_YES) -> SetRollout:
    """The set under way, kim's proposal: its members have to be approved."""
    await site.settle()
    await site.publish()
    site.policies = (policy,)
    return await site.people.deploy("line", PRODUCTION, actor="kim", reason="new", proposer_id="us-kim")


async def sign(site: Site, who: str = "lee", roles: set[str] = ROLES) -> Document:
    own = approving(site)
    wanted = await own.document("line", PRODUCTION)
    await own.approve("line", PRODUCTION, site.hand.sign(wanted, who, site.clock.now()), roles)
    return wanted


async def standings(site: Site) -> list[Standing]:
    return [standing for _made, standing in (await approving(site).look("line", PRODUCTION)).signatures]


async def test_one_signature_lets_every_member_through_its_gate(site: Site) -> None:
    set_ = await begun(site)
    assert (await site.run(set_, turns=6)).phase is SetPhase.GOING, "nobody has approved it"
    first = await site.store.get(RolloutId((await site.sets.get(set_.id)).parts[0].rollout))
    assert first.approval == first.plan.gate
    await sign(site)
    done = await site.run(set_)
    assert (done.phase, await site.stable()) == (SetPhase.PROMOTED, [NEW] * 3)
    assert len(await SignatureStore(site.database).list()) == 1
    for part in done.parts:
        gate = await site.commands.gate(RolloutId(part.rollout))
        assert gate is not None
        assert [each.signer for each in gate.approvers] == ["lee"]


async def test_what_is_signed_names_every_member_with_its_plan_and_bytes(site: Site) -> None:
    set_ = await begun(site)
    document = await sign(site)
    assert document.subject == f"set/{set_.id}"
    assert [each["unit"] for each in document.values["members"]] == list(UNITS)
    for each, part in zip(document.values["members"], set_.parts, strict=True):
        assert part.plan is not None
        assert each["plan"] == part.plan.hash
        assert (each["stable"], each["candidate"]) == (OLD, NEW)
        assert each["artifacts"] == {"wheelhouse/wheels.tar": "a" * 64}
    assert (document.values["role"], document.values["answer"]) == ("approver", "yes")
    assert document.values["gate"]["approvals"] == 1
    told = await TimelineStore(site.database).list(Filter(subject="set/line@1.0.0"))
    assert told[0].event.kind == "set.approved"
    made = await SignatureStore(site.database).list(f"set/{set_.id}")
    assert told[0].event.after["signature"] == made[0].id


async def test_it_is_signed_before_any_member_began_and_the_first_does_not_wait_then(site: Site) -> None:
    set_ = await begun(site)
    await sign(site)
    assert not any(each.rollout for each in (await site.sets.get(set_.id)).parts)
    assert (await site.run(set_)).phase is SetPhase.PROMOTED


async def test_two_people_sign_the_same_and_one_alone_opens_nothing(site: Site) -> None:
    set_ = await begun(site, TWO_YES)
    first = await sign(site, "kim")
    for _ in range(4):
        await site.turn()
    with pytest.raises(Conflict, match="kim has approved it already"):
        await sign(site, "kim")
    assert [bool(each.rollout) for each in (await site.sets.get(set_.id)).parts] == [True, False, False]
    assert await sign(site, "lee") == first, "that a member began changes nothing of what is signed"
    assert (await site.run(set_)).phase is SetPhase.PROMOTED


async def test_an_approval_of_one_member_and_one_of_all_count_once_for_a_person(site: Site) -> None:
    set_ = await begun(site, TWO_YES)
    await site.turn()
    first = RolloutId((await site.sets.get(set_.id)).parts[0].rollout)
    wanted = await site.commands.document_of_answer(first, is_yes=True)
    await site.commands.approve(first, site.hand.sign(wanted, "lee", AT), ROLES)
    await sign(site, "lee")
    gate = await site.commands.gate(first)
    assert gate is not None
    assert (gate.answers.approvals, gate.is_open) == (1, False)


@pytest.mark.parametrize("who", ["kim", "Kim"])
async def test_who_proposed_or_shipped_any_member_cannot_be_the_only_one(site: Site, who: str) -> None:
    await begun(site)
    with pytest.raises(Forbidden, match=f"{who} shipped or proposed database 1.1.0") as caught:
        await sign(site, who)
    assert caught.value.code == "separation-of-duty"
    assert await SignatureStore(site.database).list() == []


async def test_who_lacks_the_role_of_the_gate_signs_nothing(site: Site) -> None:
    await begun(site)
    with pytest.raises(Forbidden, match="it asks for the role approver") as caught:
        await sign(site, "lee", {"admin"})
    assert caught.value.code == "not-this-role"
    with pytest.raises(Forbidden, match="approver"):
        await approving(site).check_role("line", PRODUCTION, "lee", {"admin"})
    await approving(site).check_role("line", PRODUCTION, "lee", ROLES)


async def test_a_member_that_is_planned_otherwise_when_it_begins_unsigns_all_of_it(site: Site) -> None:
    set_ = await begun(site)
    await sign(site)
    await site.turn()
    assert await standings(site) == [Standing.VALID]
    site.policies = (replace(ONE_YES, approvals=2),)
    waits = await site.run(set_, turns=30)
    assert [bool(each.rollout) for each in waits.parts] == [True, True, False]
    assert await standings(site) == [Standing.UNSIGNED]
    second = await site.commands.gate(RolloutId(waits.parts[1].rollout))
    assert second is not None
    assert (second.is_open, second.answers.problem) == (False, "1 signature does not count any more")


async def test_other_bytes_of_any_member_unsign_all_of_it(site: Site) -> None:
    set_ = await begun(site)
    await sign(site)
    site.bytes_of = "b"
    waits = await site.run(set_, turns=6)
    assert await standings(site) == [Standing.UNSIGNED]
    gate = await site.commands.gate(RolloutId(waits.parts[0].rollout))
    assert gate is not None
    assert not gate.is_open


async def _edit_rollout(site: Site, own: RolloutId) -> None:
    found = await site.store.get(own)
    other = replace(found, plan=replace(found.plan, warm=found.plan.warm * 2))
    async with site.database.transaction() as tx:
        await tx.execute(update(rows.rollouts).where(rows.rollouts.c.id == own).values(rows.values(other)))


async def _edit_set(site: Site, set_: SetRollout, changed: Part) -> None:
    other = replace(set_, parts=(*set_.parts[:-1], changed))
    async with site.database.transaction() as tx:
        await tx.execute(update(set_rollouts).values(document=codec.encode(other)))


async def test_a_row_that_other_hands_changed_unsigns_all_of_it(site: Site) -> None:
    await begun(site)
    await sign(site)
    await site.turn()
    now = await approving(site).look("line", PRODUCTION)
    set_ = now.whole.set_
    last = set_.parts[-1]
    assert isinstance(last.plan, Plan)
    await _edit_set(site, set_, replace(last, plan=replace(last.plan, warm=last.plan.warm * 2)))
    assert await standings(site) == [Standing.UNSIGNED]
    await _edit_set(site, set_, last)
    assert await standings(site) == [Standing.VALID]
    await _edit_rollout(site, RolloutId(set_.parts[0].rollout))
    assert await standings(site) == [Standing.UNSIGNED]


async def test_a_signature_over_one_set_is_none_over_the_next_of_its_name(site: Site) -> None:
    set_ = await begun(site)
    wanted = await sign(site)
    await site.people.rollback("line", PRODUCTION, actor="kim", reason="no")
    assert (await site.run(set_)).phase is SetPhase.RETURNED
    await site.people.deploy("line", PRODUCTION, actor="kim", reason="again", proposer_id="us-kim")
    assert await standings(site) == []
    with pytest.raises(Conflict, match="changed since, or is something else"):
        again = site.hand.sign(wanted, "lee", site.clock.now())
        await approving(site).approve("line", PRODUCTION, again, ROLES)


async def test_a_forged_signature_is_refused_and_a_used_one_signs_nothing_more(site: Site) -> None:
    await begun(site, TWO_YES)
    own = approving(site)
    made: Signature = site.hand.sign(await own.document("line", PRODUCTION), "lee", AT)
    with pytest.raises(Untrusted, match="does not verify"):
        await own.approve("line", PRODUCTION, replace(made, signer="max", signer_id="us-max"), ROLES)
    await own.approve("line", PRODUCTION, made, ROLES)
    with pytest.raises(Conflict, match="approved it already"):
        await own.approve("line", PRODUCTION, made, ROLES)


async def test_a_no_at_one_member_takes_back_all_whatever_was_signed(site: Site) -> None:
    set_ = await begun(site, TWO_YES)
    await sign(site)
    await site.turn()
    first = RolloutId((await site.sets.get(set_.id)).parts[0].rollout)
    wanted = await site.commands.document_of_answer(first, is_yes=False)
    await site.commands.reject(first, site.hand.sign(wanted, "max", AT), ROLES)
    assert (await site.run(set_)).phase is SetPhase.RETURNED
    with pytest.raises(Conflict, match=r"set line@1\.0\.0 is returned"):
        await sign(site, "ann")


async def test_what_cannot_be_signed_says_why(site: Site) -> None:
    with pytest.raises(NotFound, match="never deployed"):
        await sign(site)
    set_ = await begun(site, replace(ONE_YES, approvals=0))
    with pytest.raises(Conflict, match="nobody has to approve it"):
        await sign(site)
    await _edit_set(site, set_, replace(set_.parts[-1], plan=None))
    with pytest.raises(Conflict, match="approve each of its units"):
        await sign(site)


async def test_a_set_behind_its_gates_and_one_that_waits_in_vain_cannot_be_signed(site: Site) -> None:
    set_ = await begun(site)
    await site.turn()
    first = RolloutId((await site.sets.get(set_.id)).parts[0].rollout)
    await site.commands.request(first, RequestKind.ABORT, "kim", "no")
    with pytest.raises(Conflict, match="database cannot be answered: kim has asked to abort it"):
        await sign(site)


async def test_once_every_member_is_behind_its_gate_nothing_is_left_to_sign(site: Site) -> None:
    set_ = await begun(site)
    await sign(site)
    while not all(each.rollout for each in (await site.sets.get(set_.id)).parts):
        await site.turn()
    with pytest.raises(Conflict, match="each of its units is behind its gate already"):
        await sign(site, "max")
    assert await standings(site) == [Standing.VALID]


async def test_what_a_signature_over_a_set_was_made_for_is_shown_as_it_is_today(site: Site) -> None:
    set_ = await begun(site)
    wanted = await sign(site)
    (made,) = await SignatureStore(site.database).list(f"set/{set_.id}")
    assert await site.commands.present_document(made) == wanted
    site.bytes_of = "b"
    assert await site.commands.present_document(made) != wanted
    gone = replace(made, document=replace(wanted, subject="set/rs-none"))
    assert await site.commands.present_document(gone) != gone.document


async def test_a_rollout_that_only_says_it_is_of_a_set_gets_nothing_of_its_signature(site: Site) -> None:
    set_ = await begun(site, TWO_YES)
    await sign(site)
    await site.turn()
    mine = await site.store.get(RolloutId((await site.sets.get(set_.id)).parts[0].rollout))
    other = replace(mine, id=RolloutId("ro-other"), candidate=Version("9.9.9"))
    assert (await site.authority.approvals.answers(mine)).approvals == 1
    assert (await site.authority.approvals.answers(other)).approvals == 0


@pytest.mark.parametrize(
    "other", [{"candidate": Version("9.9.9")}, {"environment": EnvironmentName("staging")}], ids=str
)
async def test_a_member_whose_row_names_another_release_or_place_gets_nothing(
    site: Site, other: dict[str, Any]
) -> None:
    set_ = await begun(site, TWO_YES)
    await sign(site)
    await site.turn()
    own = RolloutId((await site.sets.get(set_.id)).parts[0].rollout)
    edited = replace(await site.store.get(own), **other)
    async with site.database.transaction() as tx:
        await tx.execute(update(rows.rollouts).where(rows.rollouts.c.id == own).values(rows.values(edited)))
    assert (await site.authority.approvals.answers(await site.store.get(own))).approvals == 0
