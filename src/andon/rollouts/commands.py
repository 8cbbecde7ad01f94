"""What people ask of rollouts. A command checks, writes one transaction, and leaves the rest to the tick."""

from typing import Protocol

from andon.judge.model import JudgePolicy, JudgeState
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, InvalidInput
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version, new_id
from andon.rollouts.model import Cord, Phase, Plan, Request, RequestKind, Rollout, Stage
from andon.rollouts.plan import Current, plan, plan_rollback
from andon.rollouts.store import RolloutStore, corded
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


class Commands:
    """Deploy, roll back, ask, and the cord."""

    def __init__(self, store: RolloutStore, catalog: Catalog, judge: Beginner, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._judge = judge
        self._clock = clock

    async def deploy(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
        actor: str,
        reason: str,
    ) -> Rollout:
        """Begin to move release `version` into `environment`.

        Raises:
            NotFound: no such release. InvalidInput: its manifest does not name the environment.
            Conflict: it is stable there already, another rollout is under way, or the cord is pulled.
        """
        manifest = await self._catalog.manifest(unit, version)
        current = await self._current(unit, environment)
        made = plan(manifest, environment, current, strategy)
        return await self._begin((unit, environment, version), current, made, (actor, reason))

    async def preview(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        version: Version,
        *,
        strategy: StrategyName | None = None,
    ) -> Plan:
        """The plan that `deploy` would freeze now; nothing is written. Conflicts do not matter here."""
        manifest = await self._catalog.manifest(unit, version)
        return plan(manifest, environment, await self._current(unit, environment), strategy)

    async def request(self, rollout: RolloutId, kind: RequestKind, actor: str, reason: str) -> Rollout:
        """Store what a person asks of a rollout; the next tick takes it up.

        Raises:
            NotFound: no such rollout. Conflict: it is not where this makes sense.
        """
        request = Request(kind, actor, reason)
        for _ in range(_TRIES):
            loaded = await self._store.load(rollout)
            await self._check(loaded.rollout, kind)
            try:
                return await self._store.ask(loaded, request, self._clock.now())
            except Conflict as error:
                if error.code != "rollout-moved":
                    raise
        raise Conflict("rollout-moved", f"rollout {rollout} keeps changing", hint="try again")

    async def close_damaged(self, rollout: RolloutId, actor: str, reason: str) -> bool:
        """What aborting means where the record is damaged: the place is free again, nothing else changes.

        False where there is nothing to close: it is over, unknown, or sound, and so can be asked.
        """
        return await self._store.close_damaged(rollout, actor, reason, self._clock.now())

    async def rollback(
        self,
        unit: UnitName,
        environment: EnvironmentName,
        *,
        to: Version | None = None,
        actor: str,
        reason: str,
    ) -> Rollout:
        """Go back: abort the rollout that is under way, else begin one to a former release.

        to: that release instead of the newest that finished there before the present one.

        Raises:
            Conflict: there is nothing to go back to, or the cord is pulled.
        """
        active = await self._store.find_active(unit, environment)
        if active is not None:
            if to is not None and to != active.stable:
                raise Conflict(
                    "rollout-active",
                    f"a rollout of {unit} in {environment} is under way; it returns to {active.stable}",
                    hint=f"andon abort {active.id}, then andon rollback --to {to}",
                )
            return await self.request(active.id, RequestKind.ABORT, actor, reason)
        current = await self._current(unit, environment)
        target = to or await self._former(unit, environment)
        manifest = await self._catalog.manifest(unit, target)
        made = plan_rollback(manifest, environment, current)
        return await self._begin((unit, environment, target), current, made, (actor, reason))

    async def pull_cord(
        self, environment: EnvironmentName | None, *, returns: bool, actor: str, reason: str
    ) -> Cord:
        """Freeze every rollout there, or everywhere; `returns` also takes them to stable."""
        _needs_reason(reason, "pulling")
        cord = Cord(environment, returns, actor, reason, self._clock.now())
        await self._store.pull(cord)
        return cord

    async def release_cord(self, environment: EnvironmentName | None, actor: str, reason: str) -> None:
        """Let things go on.

        Raises:
            InvalidInput: no reason was given. NotFound: it is not pulled there.
        """
        _needs_reason(reason, "releasing")
        await self._store.release(environment, actor, reason, self._clock.now())

    async def cords(self) -> list[Cord]:
        """The cords that are pulled."""
        return list(await self._store.cords())

    async def _begin(
        self,
        what: tuple[UnitName, EnvironmentName, Version],
        current: Current,
        made: Plan,
        asked: tuple[str, str],
    ) -> Rollout:
        unit, environment, version = what
        await self._check_free(unit, environment)
        if version == current.stable:
            raise Conflict(
                "already-stable", f"{version} is the stable release of {unit} in {environment} already"
            )
        now = self._clock.now()
        actor, reason = asked
        beginning = Beginning(
            RolloutId(new_id("ro", now)), unit, environment, current.stable, version, actor, reason
        )
        rollout = begin(beginning, made, self._judge.start(made.policy), now)
        await self._store.create(rollout, now)
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
        problem = _outranked(rollout, kind) or _refusal(rollout, kind)
        if problem:
            raise Conflict("not-now", f"rollout {rollout.id} cannot {kind}: {problem}", hint="andon status")
        if kind is RequestKind.PROMOTE:
            for cord in await self._store.cords():
                if cord.environment in {None, rollout.environment}:
                    raise corded(cord)


def _outranked(rollout: Rollout, kind: RequestKind) -> str:
    """An abort that waits for the tick must not be lost to what somebody asks after it."""
    asked = rollout.request
    if asked is None or asked.kind is not RequestKind.ABORT or kind is RequestKind.ABORT:
        return ""
    return f"{asked.actor} has asked to abort it, and that stands"


def _refusal(rollout: Rollout, kind: RequestKind) -> str:
    """Why a request makes no sense where the rollout is; empty when it does."""
    if rollout.phase.is_over:
        return f"it is over ({rollout.phase})"
    if rollout.phase is Phase.RETURNING:
        return "it is returning already"
    if rollout.phase is Phase.FINISHING and rollout.stage is Stage.STOPPING and kind is RequestKind.ABORT:
        return f"{rollout.stable} is being stopped; use `andon rollback` when it is over"
    if kind is RequestKind.PROMOTE and rollout.stage not in {Stage.SERVING, Stage.WARM}:
        return f"it is {rollout.stage}, there is nothing to skip"
    is_held = rollout.phase is Phase.HELD
    if kind in {RequestKind.PROMOTE, RequestKind.PAUSE} and is_held:
        return "it is held; resume or abort it"
    if kind is RequestKind.PAUSE and rollout.is_paused:
        return "it is paused already"
    if kind is RequestKind.RESUME and not (rollout.is_paused or is_held):
        return "it is not paused"
    return ""


def _needs_reason(reason: str, what: str) -> None:
    if not reason.strip():
        raise InvalidInput("no-reason", f"{what} the cord needs a reason", hint="--reason TEXT")
