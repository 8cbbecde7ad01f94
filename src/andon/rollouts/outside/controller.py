"""Asks units and outside systems what gates wait for, and remembers what they said. It decides nothing.

Questions run beside each other and beside the loop, so that a slow one holds up nobody. A final answer is a
row; the state of production is remembered only while it is fresh. After a crash everything is asked anew:
an outside system knows by the idempotency key that it was asked before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Conflict, Damaged, NotFound, Unavailable
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts import codec
from andon.rollouts.model import GateSeen, GateState, Rollout
from andon.rollouts.outside import conditions, webhooks
from andon.rollouts.outside.commands import Answers
from andon.rollouts.outside.fetch import check_origin
from andon.rollouts.outside.model import ASKED_ACTOR, Answer
from andon.rollouts.outside.webhooks import Said, Word
from andon.rollouts.steps import Gate, GateKind
from andon.units.gating import Production, Webhook
from andon.units.model import Manifest

_log = logging.get(__name__)
_ASK_PRODUCTION_EVERY, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=10)
FRESH = timedelta(seconds=15)
Key = tuple[RolloutId, str]


class Rollouts(Protocol):
    """The rollouts under way (`store.py`)."""

    async def active(self) -> Sequence[RolloutId]: ...
    async def get(self, rollout: RolloutId, /) -> Rollout: ...


class Speaker(Protocol):
    """Speaks with units and outside systems (`outside/fetch.py`)."""

    async def document(self, base: str, path: str, query: Mapping[str, str], patience: timedelta) -> Any: ...
    async def post(
        self, url: str, headers: Mapping[str, str], content: bytes, patience: timedelta
    ) -> bytes: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked of the rest. units: addresses of the ready instances of a unit's stable release."""

    rollouts: Rollouts
    answers: Answers
    manifest: Callable[[UnitName, Version], Awaitable[Manifest]]
    units: Callable[[UnitName, EnvironmentName], Awaitable[Sequence[str]]]
    secret: Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a gate said at `at`. next_at: when it is asked again; failures: questions in a row in vain."""

    seen: GateSeen
    at: datetime
    next_at: datetime
    failures: int = 0


class Asker:
    """Asks for all rollouts that stand at gates. origins: outside addresses that may be asked."""

    def __init__(
        self,
        sources: Sources,
        http: Speaker,
        clock: Clock,
        *,
        origins: Collection[str] = (),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._sources = sources
        self._http = http
        self._clock = clock
        self._origins = origins
        self._changed = changed
        self._known: dict[Key, Known] = {}
        self._asking: dict[Key, asyncio.Task[None]] = {}

    def said(self, rollout: RolloutId, gate: str) -> Known | None:
        """What was said last at a gate; None before the first answer."""
        return self._known.get((rollout, gate))

    async def tick(self) -> None:
        """Begin the questions that are due, and let go of what nobody waits for any more.

        Raises what a question raised that went wrong in a way nobody thought of.
        """
        wanted: dict[Key, tuple[Rollout, Gate]] = {}
        for each in await self._sources.rollouts.active():
            try:
                rollout = await self._sources.rollouts.get(each)
            except (Damaged, NotFound):
                continue  # the rollouts' own loop sees to it
            wanted |= {
                (rollout.id, gate.key): (rollout, gate)
                for gate in rollout.gates
                if rollout.is_gated and gate.kind in {GateKind.PRODUCTION, GateKind.WEBHOOK}
            }
        self._known = {key: known for key, known in self._known.items() if key in wanted}
        for key, (rollout, gate) in wanted.items():
            if key not in self._asking and self._is_due(key):
                self._asking[key] = asyncio.create_task(self._ask(key, rollout, gate))
        self._collect(wanted)

    async def settled(self) -> None:
        """Wait for the questions that are under way."""
        await asyncio.gather(*self._asking.values())

    async def close(self) -> None:
        """Let go of questions and connections."""
        for each in self._asking.values():
            each.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)
        await self._http.close()

    def _is_due(self, key: Key) -> bool:
        known = self._known.get(key)
        return known is None or self._clock.now() >= known.next_at

    def _collect(self, wanted: Collection[Key]) -> None:
        over = {key: each for key, each in self._asking.items() if each.done()}
        for key, each in self._asking.items():
            if key not in wanted:
                each.cancel()
        self._asking = {key: each for key, each in self._asking.items() if key not in over}
        for each in over.values():
            if not each.cancelled():
                each.result()

    async def _ask(self, key: Key, rollout: Rollout, gate: Gate) -> None:
        before = self._known.get(key)
        failures = 0 if before is None else before.failures
        every, longest = _ASK_PRODUCTION_EVERY, _LONGEST_PAUSE
        try:
            manifest = await self._sources.manifest(rollout.unit, rollout.candidate)
            if gate.kind is GateKind.PRODUCTION:
                seen = await self._production(rollout, manifest.production.get(gate.asks or gate.key))
            else:
                wanted = manifest.webhooks.get(gate.asks or gate.key)
                every, longest = every if wanted is None else wanted.every, webhooks.LONGEST_PAUSE
                seen = await self._webhook(rollout, gate, wanted)
            failures = 0
        except AndonError as error:
            failures += 1
            seen = GateSeen(GateState.WAITING, f"waits: {error.message}")
            _log.info("gate not answered", rollout=rollout.id, gate=gate.key, code=error.code)
        now = self._clock.now()
        self._known[key] = Known(seen, now, now + webhooks.pause(failures, every, longest), failures)
        if before is None or before.seen.state is not seen.state:
            self._changed()

    async def _production(self, rollout: Rollout, wanted: Production | None) -> GateSeen:
        if wanted is None:
            return GateSeen(GateState.WAITING, "waits: the manifest does not say what production is asked")
        unit = UnitName(wanted.unit or rollout.unit)
        if unit == rollout.unit and rollout.stable is None:
            return GateSeen(GateState.OPEN, f"is open: nothing of {unit} is in production here yet")
        problem: AndonError = Unavailable("no-instance", f"no instance of {unit} is ready to be asked")
        for base in await self._sources.units(unit, rollout.environment):
            try:
                document = await self._http.document(base, wanted.path, wanted.query, wanted.timeout)
            except Unavailable as error:
                problem = error
                continue
            met = conditions.look(document, wanted)
            if met.is_met:
                return GateSeen(GateState.OPEN, f"is open: {met.reason}")
            return GateSeen(GateState.WAITING, f"waits: {met.reason}")
        raise problem

    async def _webhook(self, rollout: Rollout, gate: Gate, wanted: Webhook | None) -> GateSeen:
        if wanted is None or not wanted.url or wanted.signed_by is None:
            where = _answers_at(rollout, gate)
            return GateSeen(GateState.WAITING, f"waits until an outside system answers at {where}")
        if gate.key in await self._sources.answers.list(rollout.id):
            return GateSeen(GateState.WAITING, "was answered")  # the row says what
        check_origin(wanted.url, self._origins)
        said = await self._post(rollout, gate, wanted)
        name = f"{ASKED_ACTOR}{gate.asks or gate.key}"
        if said.word is Word.WAIT:
            return GateSeen(GateState.WAITING, f"waits: {name} says {said.reason or 'wait'}")
        answer = Answer(rollout.id, gate.key, said.word, said.reason, name, self._clock.now())
        try:
            await self._sources.answers.put(rollout, answer)
        except Conflict:
            _log.info("gate answered before", rollout=rollout.id, gate=gate.key)
        self._changed()
        return GateSeen(GateState.WAITING, "was answered")

    async def _post(self, rollout: Rollout, gate: Gate, wanted: Webhook) -> Said:
        secret = await self._sources.secret(f"webhook.{wanted.signed_by}")
        sent = webhooks.body(question(rollout, gate))
        headers = {
            webhooks.IDEMPOTENCY: f"{rollout.id}/{gate.key}",
            webhooks.SIGNATURE: webhooks.signature(secret, sent, self._clock.now()),
        }
        return webhooks.read(await self._http.post(wanted.url, headers, sent, wanted.timeout))


def question(rollout: Rollout, gate: Gate) -> dict[str, object]:
    """What an outside system is told: what is to move where, where it is, and the whole plan."""
    return {
        "rollout": rollout.id,
        "gate": gate.key,
        "answers_at": _answers_at(rollout, gate),
        "unit": rollout.unit,
        "environment": rollout.environment,
        "candidate": rollout.candidate,
        "stable": rollout.stable,
        "phase": rollout.phase.value,
        "step": rollout.step,
        "share": rollout.share,
        "actor": rollout.actor,
        "reason": rollout.reason,
        "created_at": rollout.created_at.isoformat(),
        "expires_at": rollout.deadline_at.isoformat() if rollout.deadline_at else None,
        "plan": codec.encode(rollout.plan),
    }


def _answers_at(rollout: Rollout, gate: Gate) -> str:
    return f"/api/v1/rollouts/{rollout.id}/gates/{gate.key}"


def fresh(known: Known, now: datetime) -> GateSeen:
    """What was said, as far as it still counts: an old yes of production is silence."""
    age = now - known.at
    if known.seen.state is GateState.OPEN and age > FRESH:
        said = f"waits: it last answered {age.total_seconds():.0f} s ago"
        return replace(known.seen, state=GateState.WAITING, reason=said)
    return known.seen
