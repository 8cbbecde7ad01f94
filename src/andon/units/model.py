"""The manifest of a unit: what `andon.toml` may say. `load.py` reads it; its reference is made from here."""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from andon.units.applications import Application, Bundle
from andon.units.evidence import Evidence
from andon.units.fields import (
    APPLICATION_WORDS,
    INSTANCE_WORDS,
    Duration,
    InnerPath,
    Interval,
    Name,
    RunCommand,
    Section,
    unknown_word,
)
from andon.units.gating import Production, Webhook
from andon.units.judging import MannWhitney, Threshold
from andon.units.keeping import Data
from andon.units.serving import Gateway
from andon.units.stepping import AnyStep, PlanStep, Smoke, check_steps
from andon.units.waves import Waves, for_a_fleet


class StrategyName(StrEnum):
    """How a rollout walks from share 0 to 1."""

    CANARY = "canary"
    BLUE_GREEN = "blue-green"
    ROLLING = "rolling"
    RECREATE = "recreate"
    WAVES = "waves"  # of a fleet: ring after ring


class Unit(Section):
    """Who the unit is."""

    name: Name = Field(description="Name of the unit; everywhere the same")
    kind: Literal["service", "application"] = Field(
        "service",
        description="service: instances behind the gateway; application: one on each station of a fleet",
    )
    description: str = Field("", max_length=200, description="One line for people")
    notes: InnerPath | None = Field(
        None,
        description="File with the release's notes, UTF-8, relative to the manifest; where its headings name "
        "versions (`## 1.2.0`) the section of the released one is taken, otherwise all of it; 64 KiB at most",
    )


class Build(Section):
    """How an artifact is made from the source."""

    kind: Literal["wheel", "bundle"] = Field(
        "wheel",
        description="wheel: the unit and its dependencies as a wheelhouse that installs offline; bundle: "
        "all of it frozen into a folder for one platform, as [bundle] says",
    )
    requirements: InnerPath = Field(
        "requirements.lock", description="Hashed list of run-time dependencies, relative to the manifest"
    )
    timeout: Interval = Field(timedelta(minutes=10), description="Longest the build may take")


class Test(Section):
    """How the unit's tests are run."""

    command: list[str] = Field(
        ["python", "-m", "pytest", "-q", "--junitxml={junit}"],
        min_length=1,
        description="Command; {junit} is the report it must write",
    )
    requirements: InnerPath = Field(
        "requirements-test.lock",
        description="Hashed list of dependencies of the tests, relative to the manifest",
    )
    timeout: Interval = Field(timedelta(minutes=10), description="Longest the tests may take")
    retries: int = Field(0, ge=0, le=5, description="How often a failed run is tried again")

    @field_validator("command")
    @classmethod
    def _writes_a_report(cls, command: list[str]) -> list[str]:
        if not any("{junit}" in part for part in command):
            raise ValueError("name the report with {junit}, such as --junitxml={junit}")
        return command


class Security(Section):
    """What the security stage refuses."""

    bandit_level: Literal["low", "medium", "high"] = Field(
        "high", description="Lowest severity of a bandit finding that stops the pipeline"
    )
    paths: list[InnerPath] = Field(["src"], description="Folders that bandit reads, relative to the manifest")
    secrets: bool = Field(True, description="Whether a found secret stops the pipeline")
    timeout: Interval = Field(timedelta(minutes=5), description="Longest the scan may take")


class Run(Section):
    """How an instance is started."""

    command: RunCommand = Field(
        min_length=1,
        description="Command of one instance, where {host}, {port}, {data}, {version}, {instance} are filled "
        "in; of an application {slot} (its folder), {data}, {version}, {agent} and {token} (the agent's)",
    )
    migrate: RunCommand | None = Field(
        None, description="Command run once per release before its first instance; must be safe to run again"
    )
    migration: Literal["expand", "contract", "unknown"] = Field(
        "unknown",
        description="What `migrate` does to the data; expand: it only adds; contract: it takes away what an "
        "older release used",
    )
    env: dict[str, str] = Field({}, description="Environment of the instance; the same words are filled in")
    workdir: str = Field(
        "", description="Working folder relative to the unit's data folder; empty: the data folder"
    )


class Health(Section):
    """How to see that an instance is alive."""

    path: str = Field("/health", pattern="^/", description="Answers 2xx while the instance is alive")
    interval: Interval = Field(timedelta(seconds=1), description="Time between two checks")
    timeout: Interval = Field(timedelta(seconds=2), description="Longest a check may take")
    failures: int = Field(3, ge=1, le=100, description="Failed checks in a row that make it unhealthy")


class Ready(Section):
    """How to see that an instance can take requests."""

    path: str = Field("/ready", pattern="^/", description="Answers 2xx when the instance can take requests")
    deadline: Interval = Field(
        timedelta(seconds=60), description="Longest an instance may take to become ready"
    )


class Drain(Section):
    """How an instance is stopped."""

    timeout: Duration = Field(
        timedelta(seconds=30), description="Longest to wait for requests in flight, and then for the process"
    )
    signal: Literal["TERM", "INT"] = Field("TERM", description="Signal that asks it to stop")


class Policy(Section):
    """How the judge decides in an environment."""

    alpha: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Chance, per release over all metrics, that a harmless candidate is taken back",
    )
    beta: float = Field(
        0.01, gt=0, lt=0.5, description="Chance that a candidate as bad as the margin is promoted"
    )
    margin: float = Field(
        1.5, gt=1, le=100, description="Rate ratio from which on a candidate counts as worse"
    )
    latency_margin: float = Field(
        1.1, gt=1, le=100, description="How many times as long, from which on a candidate counts as slower"
    )
    judge: Name = Field(
        "sequential",
        description="Who reads the evidence: sequential, mann-whitney, threshold, or one of the plant's own; "
        "alpha, beta and the margins are sequential's",
    )
    mann_whitney: MannWhitney = Field(
        MannWhitney(), alias="mann-whitney", description="How mann-whitney judges"
    )
    threshold: Threshold = Field(Threshold(), description="How threshold judges")
    options: dict[str, float] = Field(
        {}, max_length=50, description="Numbers for a judge of the plant's own, by names that it knows"
    )
    combine: Literal["split", "average"] = Field(
        "split",
        description="How the metrics share alpha; split: each has its part; average: the mean of their "
        "evidence is tested as one",
    )
    soak: Duration = Field(timedelta(seconds=60), description="Shortest time at each share")
    max_wait: Duration = Field(timedelta(minutes=30), description="Longest to wait at a share for evidence")
    require_evidence: bool = Field(
        True,
        description="true: without evidence by max_wait it comes back; false: no harm seen is enough",
    )
    warm: Duration = Field(
        timedelta(seconds=300), description="How long the former release stays warm after promotion"
    )
    verify: Duration = Field(
        timedelta(seconds=5), description="How long after a return it is looked at once more"
    )
    max_surge: int = Field(1, ge=0, le=64, description="Rolling: most instances above the whole")
    memory: float = Field(
        0.85,
        gt=0,
        le=1,
        description="Part of the machine's memory above which an instance of the candidate takes it back; "
        "1: none does",
    )
    max_unavailable: int = Field(
        1, ge=0, le=64, description="Rolling: most instances below the whole, where max_surge is not enough"
    )
    waves: Waves = Field(Waves(), description="When a wave of a fleet is full, and what takes it back")
    steps: list[AnyStep] = Field(
        [0.1, 0.5, 1.0],
        validate_default=True,
        min_length=1,
        max_length=40,
        description="Shares that the candidate walks through, the last is 1; and what stands before a share; "
        "of a fleet unset: the rings lab, pilot and line, then all",
    )

    @field_validator("steps")
    @classmethod
    def _rises_to_all(cls, steps: list[PlanStep]) -> list[PlanStep]:
        return check_steps(steps)

    @model_validator(mode="after")
    def _replaces_something(self) -> Self:
        if self.max_surge == self.max_unavailable == 0:
            raise ValueError("`max_surge` and `max_unavailable` cannot both be 0: nothing could be replaced")
        return self

    @model_validator(mode="after")
    def _can_pass_in_time(self) -> Self:
        needed = {
            "mann-whitney": self.mann_whitney.interval * self.mann_whitney.samples,
            "threshold": self.threshold.interval * (self.threshold.skip + self.threshold.count),
        }.get(self.judge, timedelta())
        if needed > self.max_wait:
            minutes = needed.total_seconds() / 60
            raise ValueError(
                f"{self.judge} passes after {minutes:g} minutes at the earliest, later than `max_wait`: "
                f"raise that, or have it judge sooner"
            )
        return self


class Environment(Section):
    """Where the unit runs, and how releases get there."""

    target: Literal["local", "fleet"] = Field(
        "local",
        description="What runs it; local: processes of this machine; fleet: the stations of this environment",
    )
    instances: int = Field(1, ge=1, le=64, description="Instances of a release that takes everything")
    host: str = Field("127.0.0.1", description="Address the gateway listens on for this unit")
    port: int = Field(
        0, ge=0, le=65535, description="Port the gateway listens on for this unit; a fleet has none"
    )
    tls: bool = Field(
        False,
        description="That port speaks TLS 1.2 or 1.3, with a certificate of the plant",
    )
    redirect_port: int | None = Field(
        None, ge=1, le=65535, description="Port where requests without TLS are sent on to the other"
    )
    strategy: StrategyName = Field(StrategyName.ROLLING, description="How a rollout walks from share 0 to 1")
    policy: Policy = Field(Policy(), description="How the judge decides here")

    @model_validator(mode="before")
    @classmethod
    def _has_a_fleets_defaults(cls, values: Any) -> Any:
        return for_a_fleet(values)

    @model_validator(mode="after")
    def _walks_as_its_target_can(self) -> Self:
        is_fleet = self.target == "fleet"
        if is_fleet != (self.strategy is StrategyName.WAVES):
            raise ValueError('a fleet is moved by `strategy = "waves"`, and nothing else is')
        steps = self.policy.steps
        if not is_fleet and any(each.ring is not None for each in steps):
            raise ValueError("a step names a ring: only a fleet has rings")
        if is_fleet and any(each.smoke or each.match or each.mirror or each.preview for each in steps):
            raise ValueError("a fleet is behind no gateway: no smoke test, `match`, `mirror` or `preview`")
        return self

    @model_validator(mode="after")
    def _has_a_port_or_a_fleet(self) -> Self:
        if self.target == "local" and not self.port:
            raise ValueError("`port` is missing, the one that the gateway listens on")
        if self.target == "fleet" and (self.port or self.tls or self.redirect_port):
            raise ValueError("a fleet is behind no gateway: leave out `port`, `tls` and `redirect_port`")
        return self

    @model_validator(mode="after")
    def _redirects_to_tls(self) -> Self:
        if self.redirect_port is not None and not self.tls:
            raise ValueError("`redirect_port` needs `tls = true`")
        if self.redirect_port == self.port:
            raise ValueError("`redirect_port` must be another than `port`")
        return self


class Manifest(Section):
    """The whole of `andon.toml`."""

    unit: Unit
    build: Build = Build()
    test: Test = Test()
    security: Security = Security()
    bundle: Bundle | None = Field(None, description="How an application is frozen")
    run: Run
    application: Application = Application()
    health: Health = Health()
    ready: Ready = Ready()
    drain: Drain = Drain()
    gateway: Gateway = Gateway()
    data: dict[Name, Data] = Field({}, description="State that the unit keeps, by name: what a backup takes")
    evidence: dict[Name, Evidence] = Field({}, description="Metrics that the judge reads, by name")
    production: dict[Name, Production] = Field(
        {}, description="States of production that gates wait for, by name"
    )
    webhooks: dict[Name, Webhook] = Field({}, description="Outside systems that gates ask, by name")
    smoke: dict[Name, Smoke] = Field({}, description="Smoke tests of a candidate, by name")
    environments: dict[Name, Environment] = Field(min_length=1, description="Where it runs, by name")

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        is_application = self.unit.kind == "application"
        if is_application != (self.build.kind == "bundle") or is_application != (self.bundle is not None):
            raise ValueError('`unit.kind = "application"`, `build.kind = "bundle"` and [bundle] go together')
        for name, each in self.environments.items():
            if is_application != (each.target == "fleet"):
                raise ValueError(f"environment {name}: an application runs on a fleet, and nothing else does")
        if is_application and any(each.source == "gateway" for each in self.evidence.values()):
            raise ValueError("an application is behind no gateway: its evidence has another source")
        words = APPLICATION_WORDS if is_application else INSTANCE_WORDS
        if word := unknown_word([*self.run.command, *(self.run.migrate or ())], words):
            known = ", ".join(f"{{{each}}}" for each in words)
            raise ValueError(f"run: {{{word}}} is not filled in for this kind of unit; known are {known}")
        return self

    @model_validator(mode="after")
    def _names_what_is_there(self) -> Self:
        for name, environment in self.environments.items():
            for each in environment.policy.steps:
                if missing := self._missing(each):
                    raise ValueError(f"a step of {name} names {missing}: add [{missing}]")
        return self

    def _missing(self, step: PlanStep) -> str:
        """The table that a step names and that is not there."""
        tables: dict[str, tuple[Collection[str], str]] = {
            "smoke": (self.smoke, step.smoke or ""),
            "production": (self.production, step.asks if step.gate == "production" else ""),
            "webhooks": (self.webhooks, step.asks if step.gate == "webhook" else ""),
        }
        found = (
            f"{table}.{named}" for table, (known, named) in tables.items() if named and named not in known
        )
        return next(found, "")

    @model_validator(mode="after")
    def _has_its_own_ports(self) -> Self:
        taken: dict[int, str] = {}
        for name, environment in self.environments.items():
            for port in filter(None, (environment.port, environment.redirect_port)):
                other = taken.setdefault(port, name)
                if other != name:
                    raise ValueError(f"environments {other} and {name} both want port {port}")
        return self
