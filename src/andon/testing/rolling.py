"""Builders for tests of rollouts: a plan, a rollout, and what an obedient world shows of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from andon.judge import sequential
from andon.judge.model import Outcome, Verdict
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.census import Census
from andon.rollouts.decide import decide
from andon.rollouts.model import (
    Answers,
    GateSeen,
    GateState,
    Observation,
    Request,
    RequestKind,
    Rollout,
    SeenInstance,
    TaskSeen,
    TaskState,
)
from andon.rollouts.plan import Current, plan
from andon.rollouts.steps import Gate, Plan
from andon.rollouts.transitions import Beginning, apply, begin
from andon.rollouts.wanted import wanted
from andon.targets.model import InstanceState
from andon.targets.stations import FleetSeen, Heads
from andon.units.model import Manifest

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD, NEW = Version("1.0.0"), Version("1.1.0")
UNIT, PRODUCTION = UnitName("mes"), EnvironmentName("production")
GATE = Gate(2, "approver")
APPROVED, HALF, TOO_CLOSE = Answers(2, is_separated=True), Answers(1, is_separated=True), Answers(2)
NO = Answers(2, is_separated=True, rejection="rejected by max: not before the shift ends")


# Every kind of gate and task, before anything of the candidate is there and between two shares.
EVERYTHING: list[Any] = [
    {"gate": "window", "name": "night"},
    {"gate": "production", "asks": "idle", "name": "idle"},
    {"smoke": "front"},
    0.1,
    {"gate": "approval", "approvals": 2, "name": "works-council"},
    {"gate": "webhook", "asks": "change", "name": "change"},
    {"hold": True, "name": "coffee"},
    {"command": ["warm-up", "{url}"], "name": "warm-up", "timeout": "1m", "retries": 1},
    0.5,
    1.0,
]
TABLES: dict[str, Any] = {
    "smoke": {"front": {"path": "/front", "contains": "ok"}},
    "production": {"idle": {"path": "/lots", "field": "running", "equals": 0}},
    "webhooks": {"change": {}},
}


def a_manifest(strategy: str = "canary", *, instances: int = 3, **changes: Any) -> Manifest:
    """A unit with errors from the gateway as evidence. changes: to the policy of production.

    Where they name `EVERYTHING` as steps, its tables are there, too.
    """
    policy = {"soak": "10s", "max_wait": "120s", "warm": "20s"} | changes
    return Manifest.model_validate(
        {
            "unit": {"name": "mes"},
            "run": {"command": ["serve"]},
            "evidence": {"errors": {"source": "gateway", "guardrail": 0.05, "dispersion": 1.0}},
            **(TABLES if changes.get("steps") is EVERYTHING else {}),
            "environments": {
                "production": {
                    "port": 8080,
                    "instances": instances,
                    "strategy": strategy,
                    "policy": policy,
                }
            },
        }
    )


def a_plan(
    strategy: str = "canary", *, stable: Version | None = OLD, gate: Gate | None = None, **changes: Any
) -> Plan:
    """A plan for three instances beside three."""
    current = Current(stable, 3) if stable is not None else Current()
    return plan(a_manifest(strategy, **changes), PRODUCTION, current, gate=gate)


def a_rollout(made: Plan | None = None, *, stable: Version | None = OLD, **changes: Any) -> Rollout:
    """A rollout of 1.1.0 over 1.0.0, at its beginning unless `changes` say otherwise."""
    made = made or a_plan(stable=stable)
    what = Beginning(RolloutId("ro-1"), UNIT, PRODUCTION, stable, NEW, "kim", "new")
    return replace(begin(what, made, sequential.start(made.policy), AT), **changes)


def said(outcome: Outcome, reason: str = "because") -> Verdict:
    """A verdict without findings."""
    return Verdict(outcome, reason)


def instances(version: Version, count: int, state: InstanceState = InstanceState.READY) -> list[SeenInstance]:
    """So many instances in one state since noon."""
    return [SeenInstance(version, state, 0, AT) for _ in range(count)]


def obeyed(rollout: Rollout, **changes: Any) -> Observation:
    """The world as the rollout wants it: instances ready, the route confirmed, nothing in flight.

    Gates that ask no people are open, and tasks went well.
    """
    want = wanted(rollout)
    if rollout.plan.fleet is not None:
        return replace(_asked(rollout), **changes)
    running = instances(rollout.candidate, want.candidate_instances)
    if rollout.stable is not None:
        running += instances(rollout.stable, want.stable_instances)
    now = changes.pop("now", rollout.entered_at + timedelta(seconds=1))
    seen = Observation(
        now=now,
        desired_revision=7,
        acknowledged_revision=7,
        share=want.share,
        stable_share=want.stable_share,
        instances=running,
        candidate_active_requests=0,
        stable_active_requests=0,
        step_requests_candidate=0,
        step_requests_stable=0,
        verdict=said(Outcome.INCONCLUSIVE, "about 40 more bad events are needed"),
        traffic_at=now,
        gates={each.key: GateSeen(GateState.OPEN, "is open") for each in rollout.gates},
        task=TaskSeen(TaskState.PASSED),
    )
    return replace(seen, **changes)


def _asked(rollout: Rollout) -> Observation:
    """A fleet that obeys: whoever is asked has confirmed it, and nobody is off."""
    want, now = wanted(rollout), rollout.entered_at + timedelta(seconds=1)
    fleet = rollout.plan.fleet
    stations = 0 if fleet is None else fleet.stations
    asked = round(want.share * stations)
    step = rollout.step_in_force
    before = rollout.plan.steps[rollout.step - 1].candidate_instances if step and rollout.step else 0
    return Observation(
        now=now,
        desired_revision=7,
        acknowledged_revision=7,
        share=want.share,
        stable_share=want.stable_share,
        instances=(),
        candidate_active_requests=0,
        stable_active_requests=0,
        step_requests_candidate=0,
        step_requests_stable=0,
        verdict=said(Outcome.INCONCLUSIVE, "about 40 more bad events are needed"),
        traffic_at=now,
        gates={each.key: GateSeen(GateState.OPEN, "is open") for each in rollout.gates},
        task=TaskSeen(TaskState.PASSED),
        fleet=FleetSeen(
            stations=stations,
            everybody=Heads(asked, asked),
            wave=Heads(max(0, asked - before), max(0, asked - before)),
            answering=asked,
            remaining=asked,
        ),
    )


def walk(rollout: Rollout, **changes: Any) -> list[Rollout]:
    """The states that a rollout goes through in a world that obeys at once, where people say yes at once."""
    changes = {"answers": APPROVED} | changes
    states, now = [rollout], AT
    while not rollout.phase.is_over:
        now += timedelta(seconds=5)
        if rollout.is_on_hold and rollout.request is None:
            rollout = replace(rollout, request=Request(RequestKind.RESUME, "kim", "the coffee is drunk"))
        decision = decide(rollout, obeyed(rollout, now=now, **changes))
        after = apply(rollout, decision, now)
        if after is not rollout:
            states.append(after)
        rollout = after
        assert now < AT + timedelta(minutes=10), (decision, rollout)
    return states


CENSUS = Census((("lab", 2), ("pilot", 10), ("line", 28), ("plant", 60)), pinned=3)


def a_fleet_manifest(**changes: Any) -> Manifest:
    """An application on a fleet, in waves over its rings. changes: to the policy of production."""
    policy = {"soak": "10s", "max_wait": "120s", "warm": "20s"} | changes
    evidence = {"source": "http", "exposure": "serials_total", "bad": "fails_total", "dispersion": 1.0}
    return Manifest.model_validate(
        {
            "unit": {"name": "mes", "kind": "application"},
            "build": {"kind": "bundle"},
            "bundle": {"entry": "start.py"},
            "run": {"command": ["{slot}/station"]},
            "evidence": {"yield": evidence},
            "environments": {"production": {"target": "fleet", "policy": policy}},
        }
    )


def a_fleet_plan(
    *, stable: Version | None = OLD, gate: Gate | None = None, census: Census = CENSUS, **changes: Any
) -> Plan:
    """A plan for a hundred stations in four rings."""
    return plan(a_fleet_manifest(**changes), PRODUCTION, Current(stable, 1, census=census), gate=gate)
