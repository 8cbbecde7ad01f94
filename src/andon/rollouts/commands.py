"""What people ask of rollouts. A command checks, writes one transaction, and leaves the rest to the tick."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from andon.access.signatures.model import Action, Document, Signature
from andon.judge.model import JudgePolicy, JudgeState
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, InvalidInput
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version, new_id
from andon.rollouts import documents, refusals
from andon.rollouts.authority import Authority
from andon.rollouts.cords.store import corded
from andon.rollouts.gates import Answered
from andon.rollouts.keeping import Kept
from andon.rollouts.model import Cord, Plan, Request, RequestKind, Rollout
from andon.rollouts.plan import Current, plan, plan_rollback
from andon.rollouts.present import present
from andon.rollouts.stables.store import Stable
from andon.rollouts.store import Loaded
from andon.rollouts.transitions import Beginning, begin
from andon.units.model import Manifest, StrategyName

_TRIES = 5


class Catalog(Protocol):
    """The published releases (`releases/store.py`)."""

    async def manifest(self, unit: UnitName, version: Version) -> Manifest:
        """The verified manifest of a release.

        Raises:
            NotFound: there is no such release. Untrusted: it does not verify.
        """
        ...


class Beginner(Protocol):
    """The part of a judge that a new rollout needs."""

    def start(self, policy: JudgePolicy) -> JudgeState: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who begins a rollout, and why."""

    actor: str
    reason: str
    proposer_id: str = ""
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class _Return:
    """What a return would do: end the rollout under way, or begin one to `to`."""

    current: Current
    to: Version
    aborts: Rollout | None
    was_stable: bool  # whether `to` finished there before the present one, and nobody went back from it


class Commands:
    """Deploy, answer at gates, roll back, ask, and the cord.

    Where a `signature` is taken, the policy may demand it; the method `document_of_...` gives what to sign.
    """

    def __init__(
        self, store: Kept, catalog: Catalog, judge: Beginner, clock: Clock, authority: Authority
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._judge = judge
        self._clock = clock
        self._authority = authority

    async def deploy(  # noqa: PLR0913  named ones are the command's own words
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
    ) -> Rollout:
        """Begin to move release `version` into `environment`, or to its gate where it needs approvals.

        proposer_id: the user's id of `actor`. needs_approval: who asks may only propose, so that somebody
        must approve also where the policy asks for nothing.

        Raises:
            NotFound: no such release. InvalidInput: its manifest does not name the environment.
            Conflict: it is stable there already, another rollout is under way, or the cord is pulled.
            Untrusted: the environment's policy was changed by other hands.
        """
        manifest = await self._catalog.manifest(unit, version)
        current = await self._current(unit, environment)
        gate = await self._authority.gate(environment, needs_approval=needs_approval)
        made = plan(manifest, environment, current, strategy, gate)
        asked = _Asked(actor, reason, proposer_id)
        return await self._begin((unit, environment, version), current, made, asked)

    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        needs_approval: bool = False,
    ) -> Plan:
        """The plan that `deploy` would freeze now; nothing is written. Conflicts do not matter here."""
        manifest = await self._catalog.manifest(unit, version)
        gate = await self._authority.gate(environment, needs_approval=needs_approval)
        return plan(manifest, environment, await self._current(unit, environment), strategy, gate)

    async def approve(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout:
        """A person's signed yes at the gate. The right to approve there is the caller's to check.

        roles: those that the signer holds where the rollout goes (`rights.roles_at`), one of them the gate's.

        Raises:
            NotFound: no such rollout. Untrusted: the signature is forged, or the release does not verify.
            Conflict: it waits for no approval, this person has approved already, the plan or the release
                changed since the signing. Forbidden: the signer does not hold the role, or the last yes
                must come from somebody uninvolved.
        """
        return await self._answer(rollout, signature, roles, is_yes=True)

    async def reject(self, rollout: RolloutId, signature: Signature, roles: Collection[str]) -> Rollout:
        """A person's signed no: it ends the rollout. roles and Raises as `approve`."""
        return await self._answer(rollout, signature, roles, is_yes=False)

    async def document_of_answer(self, rollout: RolloutId, *, is_yes: bool) -> Document:
        """What `approve` (yes) and `reject` (no) want signed. Raises like `approve`."""
        return await self._authority.approvals.document(
            (await self._store.load(rollout)).rollout, is_yes=is_yes
        )

    async def check_role(self, rollout: RolloutId, login: str, roles: Collection[str]) -> None:
        """See before the signing that this person's answer would count; raises NotFound, Forbidden."""
        self._authority.check_role(await self._store.get(rollout), login, roles)

    async def gate(self, rollout: RolloutId) -> Answered | None:
        """The gate with its answers, for people; None where the plan has none."""
        return await self._authority.approvals.look(await self._store.get(rollout))

    async def request(
        self,
        rollout: RolloutId,
        kind: RequestKind,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,
    ) -> Rollout:
        """Store what a person asks of a rollout; the next tick takes it up.

        Raises:
            NotFound: no such rollout. Conflict: it is not where this makes sense, or it moved on since the
                promotion was signed. Forbidden: the policy wants a signature. Untrusted: it is forged.
        """

        async def ask(loaded: Loaded) -> Rollout:
            await self._check(loaded.rollout, kind)
            if (action := documents.SIGNED.get(kind)) is not None:
                wanted = documents.request(loaded.rollout, kind)
                await self._authority.demand(action, loaded.rollout.environment, signature, wanted)
            return await self._store.ask(loaded, Request(kind, actor, reason), self._clock.now(), signature)

        return await self._retried(rollout, ask)

    async def document_of_request(self, rollout: RolloutId, kind: RequestKind) -> Document:
        """What `request` wants signed for an abort or a promotion, and `close_damaged` for a damaged one.

        Raises:
            NotFound: no such rollout. InvalidInput: this kind is never signed. Conflict: it makes no sense.
        """
        if kind not in documents.SIGNED:
            raise InvalidInput("not-signed", f"{kind} is never signed", hint="leave the signature out")
        damaged = await self._store.find_damaged(rollout)
        if damaged is not None and kind is RequestKind.ABORT:
            return documents.closing(rollout, *damaged)
        loaded = await self._store.load(rollout)
        await self._check(loaded.rollout, kind)
        return documents.request(loaded.rollout, kind)

    async def close_damaged(
        self, rollout: RolloutId, actor: str, reason: str, *, signature: Signature | None = None
    ) -> bool:
        """What aborting means where the record is damaged: the place is free again, nothing else changes.

        False where there is nothing to close: it is over, unknown, or sound, and so can be asked.

        Raises:
            Forbidden: the policy wants a signature. Untrusted: it is forged. Conflict: it is for another.
        """
        place = await self._store.find_damaged(rollout)
        if place is None:
            return False
        wanted = documents.closing(rollout, *place)
        await self._authority.demand(Action.ABORT, place[1], signature, wanted)
        return await self._store.close_damaged(rollout, (actor, reason), self._clock.now(), signature)

    async def rollback(  # noqa: PLR0913  as above
        self,
        unit: UnitName,
        environment: EnvironmentName,
        *,
        to: Version | None = None,
        actor: str,
        reason: str,
        proposer_id: str = "",
        needs_approval: bool = False,
        signature: Signature | None = None,
    ) -> Rollout:
        """Go back: abort the rollout that is under way, else begin one to a former release.

        to: that release instead of the newest that finished there before the present one. One that did not
        finish there before the present one did, or that somebody went back from, waits at a gate as a
        deployment does (needs_approval as there).

        Raises:
            Conflict: there is nothing to go back to, the cord is pulled, or something else was signed.
            Forbidden: the policy wants a signature. Untrusted: it is forged.
        """
        way = await self._way_back(unit, environment, to)
        await self._authority.demand(
            Action.ROLLBACK, environment, signature, _rollback_document(unit, environment, way)
        )
        asked = _Asked(actor, reason, proposer_id, signature)
        if way.aborts is not None:
            return await self._abort_for(way.aborts, asked)
        manifest = await self._catalog.manifest(unit, way.to)
        gate = None
        if not way.was_stable:
            gate = await self._authority.gate(environment, needs_approval=needs_approval)
        made = plan_rollback(manifest, environment, way.current, gate)
        return await self._begin((unit, environment, way.to), way.current, made, asked)

    async def document_of_rollback(
        self, unit: UnitName, environment: EnvironmentName, to: Version | None = None
    ) -> Document:
        """What `rollback` wants signed. Raises like it."""
        return _rollback_document(unit, environment, await self._way_back(unit, environment, to))

    async def pull_cord(
        self,
        environment: EnvironmentName | None,
        *,
        returns: bool,
        actor: str,
        reason: str,
        signature: Signature | None = None,
    ) -> Cord:
        """Freeze every rollout there, or everywhere; `returns` also aborts each of them.

        Where it is pulled already, the one thing left is to let it return as well. signature: of a return,
        where the policy wants aborts signed; the cord of everywhere counts as production's.

        Raises:
            InvalidInput: no reason was given. Forbidden: the policy wants a signature.
            Untrusted: it is forged. Conflict: it is pulled already, or something else was signed.
        """
        _needs_reason(reason, "pulling")
        cord = Cord(environment, returns, actor, reason, self._clock.now())
        await self._store.cord.check_pull(environment, returns=returns)
        if returns:
            wanted = documents.pull(environment, await self._store.active(environment))
            await self._authority.demand(Action.ABORT, environment, signature, wanted)
        await self._store.cord.pull(cord, signature if returns else None)
        return cord

    async def document_of_pull(self, environment: EnvironmentName | None) -> Document:
        """What `pull_cord` with a return wants signed; raises Conflict where it is pulled so already."""
        await self._store.cord.check_pull(environment, returns=True)
        return documents.pull(environment, await self._store.active(environment))

    async def release_cord(
        self,
        environment: EnvironmentName | None,
        actor: str,
        reason: str,
        *,
        signature: Signature | None = None,
    ) -> None:
        """Let things go on. The cord of everywhere counts as production's.

        Raises:
            InvalidInput: no reason was given. NotFound: it is not pulled there.
            Forbidden: the policy wants a signature. Untrusted: it is forged.
            Conflict: another cord was pulled there in between, or something else was signed.
        """
        _needs_reason(reason, "releasing")
        pulled = await self._store.cord.get(environment)
        await self._authority.demand(Action.RELEASE_CORD, environment, signature, documents.cord(pulled))
        await self._store.cord.release(pulled, (actor, reason), self._clock.now(), signature)

    async def document_of_cord(self, environment: EnvironmentName | None) -> Document:
        """What `release_cord` wants signed; raises NotFound."""
        return documents.cord(await self._store.cord.get(environment))

    async def present_document(self, signature: Signature) -> Document | None:
        """What it was made for, as that is today; None where it is past. See `present.py`."""
        return await present(signature, self._store, self._authority.approvals)

    async def cords(self) -> list[Cord]:
        """The cords that are pulled."""
        return list(await self._store.cords())

    async def _answer(
        self, rollout: RolloutId, signature: Signature, roles: Collection[str], *, is_yes: bool
    ) -> Rollout:
        async def answer(loaded: Loaded) -> Rollout:
            now = self._clock.now()
            await self._authority.check_answer(loaded.rollout, signature, roles, now, is_yes=is_yes)
            return await self._store.answer(loaded, signature, now, is_yes=is_yes)

        return await self._retried(rollout, answer)

    async def _retried(self, rollout: RolloutId, attempt: Callable[[Loaded], Awaitable[Rollout]]) -> Rollout:
        """A tick or another person may be faster; then what was asked is looked at anew."""
        for _ in range(_TRIES):
            try:
                return await attempt(await self._store.load(rollout))
            except Conflict as error:
                if error.code != "rollout-moved":
                    raise
        raise Conflict("rollout-moved", f"rollout {rollout} keeps changing", hint="try again")

    async def _abort_for(self, active: Rollout, asked: _Asked) -> Rollout:
        """A return that ends a rollout; its own signature stands for the abort's."""

        async def ask(loaded: Loaded) -> Rollout:
            await self._check(loaded.rollout, RequestKind.ABORT)
            request = Request(RequestKind.ABORT, asked.actor, asked.reason)
            return await self._store.ask(loaded, request, self._clock.now(), asked.signature)

        return await self._retried(active.id, ask)

    async def _way_back(self, unit: UnitName, environment: EnvironmentName, to: Version | None) -> _Return:
        active = await self._store.find_active(unit, environment)
        current = await self._current(unit, environment)
        if active is None:
            target = to or await self._former(unit, environment)
            history = await self._store.stables(unit, environment)
            return _Return(current, target, None, _is_back(target, history))
        if to is not None and to != active.stable:
            raise Conflict(
                "rollout-active",
                f"a rollout of {unit} in {environment} is under way; it returns to {active.stable}",
                hint=f"andon abort {active.id}, then andon rollback --to {to}",
            )
        return _Return(current, active.stable or active.candidate, active, was_stable=True)

    async def _begin(
        self,
        what: tuple[UnitName, EnvironmentName, Version],
        current: Current,
        made: Plan,
        asked: _Asked,
    ) -> Rollout:
        unit, environment, version = what
        await self._check_free(unit, environment)
        if version == current.stable:
            raise Conflict(
                "already-stable", f"{version} is the stable release of {unit} in {environment} already"
            )
        now = self._clock.now()
        beginning = Beginning(
            id=RolloutId(new_id("ro", now)),
            unit=unit,
            environment=environment,
            stable=current.stable,
            candidate=version,
            actor=asked.actor,
            reason=asked.reason,
            proposer_id=asked.proposer_id,
        )
        rollout = begin(beginning, made, self._judge.start(made.policy), now)
        await self._store.create(rollout, now, asked.signature)
        return rollout

    async def _check_free(self, unit: UnitName, environment: EnvironmentName) -> None:
        """Say early and clearly what `create` would refuse; it checks again in its transaction."""
        for cord in await self._store.cords():
            if cord.environment in {None, environment}:
                raise corded(cord)
        active = await self._store.find_active(unit, environment)
        if active is not None:
            raise Conflict(
                "rollout-active",
                f"rollout {active.id} moves {unit} {active.candidate} into {environment}: {active.reason}",
                hint=f"andon status; wait for it, or andon abort {active.id}",
            )

    async def _current(self, unit: UnitName, environment: EnvironmentName) -> Current:
        stable = await self._store.stable(unit, environment)
        desired = await self._store.desired(unit, environment)
        if stable is None or desired is None:
            return Current()
        return Current(stable, desired.instances_of(stable))

    async def _former(self, unit: UnitName, environment: EnvironmentName) -> Version:
        """The newest release that finished there before the present one, and was not gone back from."""
        history = await self._store.stables(unit, environment)
        former = [
            each for each in history[1:] if not each.is_withdrawn and each.version != history[0].version
        ]
        if not former:
            raise Conflict(
                "no-former-release",
                f"no former release of {unit} finished its rollout in {environment}",
                hint="andon releases; andon rollback --to VERSION",
            )
        return former[0].version

    async def _check(self, rollout: Rollout, kind: RequestKind) -> None:
        problem = refusals.outranked(rollout, kind) or refusals.refusal(rollout, kind)
        if problem:
            raise Conflict("not-now", f"rollout {rollout.id} cannot {kind}: {problem}", hint="andon status")
        if kind is RequestKind.PROMOTE:
            for cord in await self._store.cords():
                if cord.environment in {None, rollout.environment}:
                    raise corded(cord)


def _is_back(target: Version, history: Sequence[Stable]) -> bool:
    """Whether `target` finished there before the present release ever did, and was not withdrawn since.

    Anything else would be forward by the name of back, perhaps to what is known to be bad.
    """
    if not history:
        return False
    first = max(number for number, each in enumerate(history) if each.version == history[0].version)
    return any(each.version == target and not each.is_withdrawn for each in history[first + 1 :])


def _rollback_document(unit: UnitName, environment: EnvironmentName, way: _Return) -> Document:
    aborts = way.aborts
    leaving = way.current.stable if aborts is None else aborts.candidate
    to = way.to if aborts is None else aborts.stable
    return documents.rollback(unit, environment, leaving, to, "" if aborts is None else aborts.id)


def _needs_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise InvalidInput("no-reason", f"{what} the cord needs a reason", hint="--reason TEXT")
