"""What people ask of rollouts and cords, signed where the policy wants it."""

import functools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from andon.access.policies.model import Policy
from andon.access.signatures.model import Action, Meaning
from andon.access.signatures.store import SignatureStore
from andon.judge import sequential
from andon.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Untrusted
from andon.kernel.ids import EnvironmentName, Version
from andon.rollouts import documents
from andon.rollouts.actions import Decision, Finish, SetShare
from andon.rollouts.commands import Commands
from andon.rollouts.looks.store import Change
from andon.rollouts.model import Phase, RequestKind, Stage
from andon.rollouts.rows import store as tables
from andon.store.engine import Database
from andon.testing.desk import BY, NEXT, TWO, Desk
from andon.testing.rolling import AT, NEW, OLD, PRODUCTION, UNIT
from andon.timeline.store import Filter, TimelineStore


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def two(database: Database) -> Desk:
    return Desk(database, policy=TWO)


async def refused(asking: Any, action: Action, environment: str | None = "production") -> None:
    with pytest.raises(Forbidden) as caught:
        await asking
    assert caught.value.code == "signature-required"
    assert caught.value.needs == {
        "action": action,
        "environment": environment,
        "meanings": [each.value for each in Meaning],
    }


@pytest.mark.parametrize("kind", [RequestKind.ABORT, RequestKind.PROMOTE])
async def test_what_the_policy_wants_signed_is_refused_without(desk: Desk, kind: RequestKind) -> None:
    rollout = await desk.serving()
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


async def test_an_alert_is_never_signed_and_outranks_all_but_an_abort(desk: Desk) -> None:
    rollout = await desk.serving()
    asked = await desk.commands.request(rollout.id, RequestKind.ALERT, "token:watch", "torque")
    assert asked.request is not None
    with pytest.raises(Conflict, match="token:watch has asked to take it back for an alert, and that stands"):
        await desk.commands.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    abort = desk.sign(await desk.commands.document_of_request(rollout.id, RequestKind.ABORT))
    after = await desk.commands.request(rollout.id, RequestKind.ABORT, "lee", "so", signature=abort)
    assert after.request is not None
    assert after.request.kind is RequestKind.ABORT


async def test_pausing_is_never_signed(desk: Desk) -> None:
    rollout = await desk.serving()
    await desk.commands.request(rollout.id, RequestKind.PAUSE, "kim", "so")
    with pytest.raises(InvalidInput, match="pause is never signed"):
        await desk.commands.document_of_request(rollout.id, RequestKind.PAUSE)


async def test_a_promotion_is_for_the_step_that_was_signed_and_an_abort_for_any(desk: Desk) -> None:
    rollout = await desk.serving()
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
    rollout = await desk.serving()
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
    rollout = await desk.serving()
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
    rollout = await desk.serving()
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
    rollout = await desk.serving()

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
