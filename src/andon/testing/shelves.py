"""Releases and rollouts of a `FakePlant`, and builders of what stands there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from andon.judge.model import JudgePolicy, JudgeState, MetricPolicy
from andon.kernel.errors import Damaged, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version, new_id
from andon.releases.model import Release
from andon.releases.notes import Notes
from andon.rollouts.gather import Gained
from andon.rollouts.model import (
    Evidence,
    Phase,
    Rollout,
    Stage,
)
from andon.rollouts.stables.store import Stable
from andon.rollouts.steps import Plan, Step
from andon.units.model import Manifest, StrategyName

if TYPE_CHECKING:
    from andon.testing.services import FakePlant


@dataclass(frozen=True, slots=True)
class FakeLook:
    """A stored look of the judge."""

    seq: int
    at: datetime
    share: float
    findings: dict[str, dict[str, Any]]
    gained: Gained = field(default_factory=lambda: Gained({}, None, 0.0))


def a_plan(strategy: StrategyName = StrategyName.CANARY, soak: timedelta = timedelta(seconds=60)) -> Plan:
    """10 - 50 - 100 with errors and yield judged."""
    shares = (0.1, 0.5, 1.0)
    return Plan(
        strategy=strategy,
        steps=tuple(
            Step(
                share=share,
                candidate_instances=max(1, round(4 * share)),
                stable_instances=4,
                soak=soak,
                is_judged=True,
                max_wait=timedelta(minutes=30),
            )
            for share in shares
        ),
        instances=4,
        require_evidence=True,
        ready_deadline=timedelta(seconds=60),
        drain_timeout=timedelta(seconds=30),
        warm=timedelta(seconds=300),
        health_failures=3,
        policy=JudgePolicy(
            metrics=(
                MetricPolicy("errors", alpha=0.005, guardrail=0.05),
                MetricPolicy("yield", alpha=0.005, acceptable=0.02),
            )
        ),
        hash="5d41402abc4b2a76b9719d911017c592ae31c0d5e8a2d1f6b1c7d7f0a4e9b3c2",
    )


def a_rollout(at: datetime, **changes: Any) -> Rollout:
    """A canary of mes in production at its first step; `changes` replace fields."""
    base = Rollout(
        id=RolloutId(new_id("ro", at)),
        unit=UnitName("mes"),
        environment=EnvironmentName("production"),
        stable=Version("1.0.0"),
        candidate=Version("1.1.0"),
        plan=a_plan(),
        phase=Phase.STEPPING,
        stage=Stage.SERVING,
        step=0,
        entered_at=at,
        step_since=at,
        deadline_at=at + timedelta(minutes=30),
        request=None,
        evidence=Evidence(judge=JudgeState(metrics={})),
        trigger=None,
        reason="the candidate has 10 % of the requests",
        actor="jiwoo",
        created_at=at,
        finished_at=None,
    )
    return replace(base, **changes)


class Part:
    """A part of the plant behind one protocol of the services."""

    def __init__(self, plant: "FakePlant") -> None:
        self._plant = plant


class FakeReleases(Part):
    """Published releases."""

    async def get(self, unit: UnitName, version: Version) -> Release:
        found = self._plant.releases.get((unit, version))
        if found is None:
            raise NotFound("no-such-release", f"there is no release {unit}@{version}", hint="andon releases")
        return found

    async def list(self, unit: UnitName | None = None) -> Sequence[Release]:
        return [each for each in self._plant.releases.values() if unit in {None, each.unit}]

    async def revoked(self) -> frozenset[tuple[UnitName, Version]]:
        return frozenset(self._plant.revoked)

    async def notes(self, unit: UnitName, version: Version) -> Notes:
        return self._plant.notes.get((unit, version), Notes())

    async def manifest(self, unit: UnitName, version: Version) -> Manifest:
        await self.get(unit, version)
        found = self._plant.manifests.get(unit)
        if found is None:
            raise NotFound("no-manifest", f"{unit}@{version} has no manifest")
        return found


class FakeRollouts(Part):
    """Rollouts and their looks."""

    async def get(self, rollout: RolloutId) -> Rollout:
        found = self._plant.rollouts.get(rollout)
        if rollout in self._plant.damaged:
            raise Damaged("rollout-damaged", f"the record of {rollout} cannot be read", hint="andon abort")
        if found is None:
            raise NotFound("no-such-rollout", f"there is no rollout {rollout}", hint="andon status")
        return found

    async def list(
        self, unit: UnitName | None = None, environment: EnvironmentName | None = None, limit: int = 50
    ) -> Sequence[Rollout]:
        found = [
            each
            for each in self._plant.rollouts.values()
            if unit in {None, each.unit} and environment in {None, each.environment}
        ]
        return sorted(found, key=lambda each: each.created_at, reverse=True)[:limit]

    async def active(self) -> Sequence[RolloutId]:
        return [each.id for each in self._plant.rollouts.values() if not each.phase.is_over]

    async def find_damaged(self, rollout: RolloutId) -> tuple[UnitName, EnvironmentName] | None:
        return (UnitName("mes"), EnvironmentName("staging")) if rollout in self._plant.damaged else None

    async def stables(self, unit: UnitName, environment: EnvironmentName) -> Sequence[Stable]:
        found = [each for each in await self.list(unit, environment) if each.phase is Phase.PROMOTED]
        return [
            Stable(each.candidate, each.id, each.finished_at or each.created_at, is_withdrawn=False)
            for each in found
        ]

    async def looks(self, rollout: RolloutId, after_seq: int = 0) -> Sequence[FakeLook]:
        return [each for each in self._plant.looks.get(rollout, []) if each.seq > after_seq]
