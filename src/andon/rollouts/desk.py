"""What every command of people stands on: the store, the releases, the judge, the clock, the authority."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from andon.access.policies.model import Bounds
from andon.access.signatures.model import Action, Document, Signature
from andon.judge.model import JudgePolicy, JudgeState, Noise
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version, new_id
from andon.rollouts import documents, refusals
from andon.rollouts.advance import rules as advance
from andon.rollouts.authority import Authority
from andon.rollouts.census import Census
from andon.rollouts.cords.store import corded
from andon.rollouts.keeping import Kept
from andon.rollouts.model import RequestKind, Rollout
from andon.rollouts.plan import Current
from andon.rollouts.rows.store import Loaded
from andon.rollouts.steps import Plan
from andon.rollouts.transitions import Beginning, begin
from andon.units.model import Manifest

_TRIES = 5


class Catalog(Protocol):
    """The published releases (`releases/store.py`)."""

    async def manifest(self, unit: UnitName, version: Version) -> Manifest:
        """The verified manifest of a release.

        Raises:
            NotFound: there is no such release. Untrusted: it does not verify.
        """
        ...

    async def installable(self, unit: UnitName, version: Version) -> object:
        """See that the release is signed and may be installed now.

        Raises:
            NotFound: there is no such release, or it was revoked (`release-revoked`).
            Untrusted, Damaged, Unavailable: it does not verify, or the registry cannot be read.
        """
        ...


class Beginner(Protocol):
    """The part of a judge that a new rollout needs."""

    def start(self, policy: JudgePolicy) -> JudgeState: ...


class KnownNoises(Protocol):
    """What is known of the noise of a plant (`noises/recorder.py`)."""

    async def of(
        self, unit: UnitName, environment: EnvironmentName, metrics: Sequence[str]
    ) -> Mapping[str, Noise]:
        """The noise of each of these metrics; one of which too little is known is left out."""
        ...


class NoHistory:
    """Where nothing is recorded: nothing is known."""

    async def of(
        self, _unit: UnitName, _environment: EnvironmentName, _metrics: Sequence[str]
    ) -> Mapping[str, Noise]:
        """None of them."""
        return {}


class Censuses(Protocol):
    """Counts the stations of a plant."""

    async def census(self, unit: UnitName, environment: EnvironmentName, version: Version) -> Census:
        """The stations there that may get this release, ring by ring."""
        ...

    async def recalled(self, unit: UnitName, environment: EnvironmentName, version: Version) -> str:
        """By whom and why it must not run there, as a part of a sentence; empty where it may."""
        ...


class NoFleet:
    """Where there are no stations."""

    async def census(self, _unit: UnitName, _environment: EnvironmentName, _version: Version) -> Census:
        """None of them."""
        return Census(())

    async def recalled(self, _unit: UnitName, _environment: EnvironmentName, _version: Version) -> str:
        """Nothing is."""
        return ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who begins a rollout, and why."""

    actor: str
    reason: str
    proposer_id: str = ""
    signature: Signature | None = None


_NO_HISTORY = NoHistory()
_NO_FLEET = NoFleet()


class Desk:
    """The base of all commands, which `commands.py` puts together."""

    def __init__(  # noqa: PLR0913  named ones are the parts it is made of
        self,
        store: Kept,
        catalog: Catalog,
        judge: Beginner,
        clock: Clock,
        authority: Authority,
        *,
        noises: KnownNoises = _NO_HISTORY,
        stations: Censuses = _NO_FLEET,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._judge = judge
        self._clock = clock
        self._authority = authority
        self._noises = noises
        self._stations = stations

    async def _retried(self, rollout: RolloutId, attempt: Callable[[Loaded], Awaitable[Rollout]]) -> Rollout:
        """A tick or another person may be faster; then what was asked is looked at anew."""
        for _ in range(_TRIES):
            try:
                return await attempt(await self._store.load(rollout))
            except Conflict as error:
                if error.code != "rollout-moved":
                    raise
        raise Conflict("rollout-moved", f"rollout {rollout} keeps changing", hint="try again")

    async def _begin(
        self,
        what: tuple[UnitName, EnvironmentName, Version],
        current: Current,
        made: Plan,
        asked: Asked,
    ) -> Rollout:
        unit, environment, _version = what
        await self._check_free(unit, environment)
        rollout = self.made(what, current, made, asked)
        await self._store.create(rollout, rollout.created_at, asked.signature)
        return rollout

    def made(
        self,
        what: tuple[UnitName, EnvironmentName, Version],
        current: Current,
        made: Plan,
        asked: Asked,
    ) -> Rollout:
        """A rollout at its first moment; nothing is written.

        Raises:
            Conflict: that release is stable there already. InvalidInput: its judge refuses the plan.
        """
        unit, environment, version = what
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
        return begin(beginning, made, self._judge.start(made.policy), now)

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

    async def check_recalled(self, unit: UnitName, environment: EnvironmentName, version: Version) -> None:
        """See that the release may run there; raises Conflict where it is recalled."""
        if why := await self._stations.recalled(unit, environment, version):
            raise Conflict(
                "release-recalled",
                f"{unit} {version} may not come into {environment}: it is recalled there {why}",
                hint=f"andon fleet recall {unit} {version} --environment {environment} --lift --reason WHY",
            )

    async def demand(
        self, action: Action, environment: EnvironmentName, signature: Signature | None, present: Document
    ) -> None:
        """See that what is asked is signed where the policy wants that. Raises as `Authority.demand`."""
        await self._authority.demand(action, environment, signature, present)

    async def check_source(
        self, what: tuple[UnitName, EnvironmentName, Version], override: Signature | None = None
    ) -> None:
        """See that a release may come from the environment before, or that somebody lets it with a signature.

        Raises:
            Conflict: it may not come yet, or something else was signed. Untrusted: the signature is forged.
        """
        unit, environment, version = what
        bounds = (await self._authority.policies.get(environment)).bounds
        if override is not None:
            self._authority.check(override, documents.override(unit, environment, version, bounds))
            return
        if why := await self._why_not_yet(what, bounds):
            raise Conflict(
                "not-advanced",
                f"{version} may not come into {environment} yet: {why}",
                hint=f"wait, deploy it to {bounds.promotes_from}, or add --override with your signature",
            )

    async def _why_not_yet(self, what: tuple[UnitName, EnvironmentName, Version], bounds: Bounds) -> str:
        unit, _environment, version = what
        if not bounds.promotes_from:
            return ""
        history = await self._store.stables(unit, EnvironmentName(bounds.promotes_from))
        return advance.refusal(version, bounds, history, self._clock.now())

    async def _current(self, unit: UnitName, environment: EnvironmentName) -> Current:
        stable = await self._store.stable(unit, environment)
        desired = await self._store.desired(unit, environment)
        if stable is None or desired is None:
            return Current()
        return Current(stable, desired.instances_of(stable))

    async def _counted(
        self, current: Current, what: tuple[UnitName, EnvironmentName, Version], manifest: Manifest
    ) -> Current:
        """With the stations that may get the release, where it goes to a fleet."""
        where = manifest.environments.get(what[1])
        if where is None or where.target != "fleet":
            return current
        return replace(current, census=await self._stations.census(*what))

    async def _before(self, unit: UnitName, environment: EnvironmentName, manifest: Manifest) -> Current:
        """What runs before a deployment, with the noise of the metrics whose manifest does not state it."""
        asked = [
            name
            for name, each in manifest.evidence.items()
            if each.kind == "count" and each.dispersion == "auto"
        ]
        current = await self._current(unit, environment)
        return replace(current, noises=await self._noises.of(unit, environment, asked))

    async def _check(self, rollout: Rollout, kind: RequestKind) -> None:
        problem = refusals.outranked(rollout, kind) or refusals.refusal(rollout, kind)
        if problem:
            raise Conflict("not-now", f"rollout {rollout.id} cannot {kind}: {problem}", hint="andon status")
        if kind is RequestKind.PROMOTE:
            for cord in await self._store.cords():
                if cord.environment in {None, rollout.environment}:
                    raise corded(cord)
