"""What the API answers, as Pydantic models. Values only; `views.py` makes them from the domains' values.

Rates are fractions, shares run from 0 to 1, times are aware UTC, an unknown value is null, never 0.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from andon.api.viewing import ForeseenView, SetRolloutView, View

Colour = Literal["red", "amber", "green", "grey"]


class Problem(View):
    """An error, as RFC 9457 has it, with Andon's stable code and a hint that helps."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["a rollout of mes in production is under way"])
    code: str = Field(examples=["rollout-active"])
    hint: str = Field("", examples=["andon abort ro-0kz3v1q8x"])
    needs: dict[str, Any] | None = Field(
        None, description="What a program must bring to succeed, such as a signature or a permission"
    )


class Light(View):
    """A stack light: `word` is a constant such as `held`; `reason` one sentence for a person."""

    colour: Colour
    word: str = Field(examples=["rolling-out"])
    reason: str


class Rates(View):
    """What went through the gateway in the last `window_s` seconds; null where nothing was measured."""

    window_s: float
    requests_per_s: float | None
    error_rate: float | None
    p95_ms: float | None


class Count(View):
    """Bad events of an exposure."""

    exposure: int
    bad: int


class MetricView(View):
    """A business outcome of one release, such as first-pass yield; `good_rate` is 1 - bad / exposure."""

    name: str
    title: str
    title_ko: str
    release: str
    exposure: int
    bad: int
    good_rate: float | None


class ReleaseStatus(View):
    """One release that runs in an environment."""

    version: str
    role: Literal["stable", "candidate", "former"]
    share: float
    ready: int
    total: int
    rates: Rates
    metrics: list[MetricView]


class StepView(View):
    """One element of a plan, and where it is."""

    index: int
    share: float
    candidate_instances: int
    stable_instances: int
    soak_s: float
    is_judged: bool
    max_wait_s: float
    state: Literal["done", "current", "waiting", "skipped"]
    ring: str = Field("", description="Of a fleet: up to which ring it reaches; its instances are stations")


class MetricPolicyView(View):
    """How one metric is judged; `title` and `title_ko` are its names for people."""

    name: str
    title: str
    title_ko: str
    alpha: float
    beta: float
    margin: float
    acceptable: float | None
    guardrail: float | None
    required: bool
    kind: str = Field(
        "count", description="count, or latency: then both limits are of the 95th percentile, in seconds"
    )


class PlanView(View):
    """What will happen, frozen when the rollout begins."""

    hash: str
    strategy: str
    instances: int
    stable_instances: int
    needs_gap: bool = Field(
        description="The two releases cannot run at once; a short interruption is planned"
    )
    is_rollback: bool
    notes: list[str] = Field(description="What a person should know before it begins")
    require_evidence: bool
    warm_s: float
    ready_deadline_s: float
    drain_timeout_s: float
    steps: list[StepView]
    metrics: list[MetricPolicyView]
    judge: str = Field("sequential", description="What reads the evidence")
    combine: str = Field(
        "split", description="How the metrics share the chance of a false fail: split or average"
    )
    foreseen: ForeseenView | None = Field(None, description="Of a plan that has not begun (dry_run)")


class PercentilesView(View):
    """Edges of buckets, in seconds, up to which half and 95 of 100 lie; null where nothing was measured.

    Beyond the last finite edge it is null too.
    """

    stable_p50: float | None
    stable_p95: float | None
    candidate_p50: float | None
    candidate_p95: float | None


class FindingView(View):
    """What one metric says. `ratio` is candidate rate / stable rate; `high` null means unbounded.

    The logarithms (base e) of the evidence stand beside the boundaries that they must reach.
    """

    metric: str
    outcome: str
    reason: str
    stable: Count
    candidate: Count
    ratio: float | None
    low: float
    high: float | None
    log_e_harm: float
    log_e_safe: float
    log_harm_boundary: float
    log_safe_boundary: float
    events_needed: int | None
    exposure_needed: int | None
    by_guardrail: bool
    edge: float | None = Field(
        None, description="Of a metric that measures: `bad` counts what took longer than so many seconds"
    )
    percentiles: PercentilesView | None = Field(None, description="Of a metric that measures")


class OutlookView(View):
    """What would change the verdict of a metric that is open; null where nothing in reach does."""

    metric: str
    bad_to_fail: int | None = Field(description="Bad events of the candidate in a row that would fail it now")
    good_to_pass: int | None = Field(
        description="Exposure of the candidate without a bad event that would pass it"
    )


class VerdictView(View):
    """The judge's last words."""

    outcome: str = Field(examples=["inconclusive"])
    reason: str
    findings: list[FindingView]


class RolloutSummary(View):
    """A rollout in one line."""

    id: str = Field(examples=["ro-0kz3v1q8x-5f2mabcd"])
    unit: str
    environment: str
    stable: str | None
    candidate: str
    strategy: str
    phase: str
    is_over: bool
    is_paused: bool
    share: float
    step: int
    steps: int
    outcome: str | None = Field(description="The judge's outcome; null before its first look")
    trigger: str | None = Field(description="Why it comes back; null while it does not")
    reason: str = Field(description="Why it is where it is: the reason of its last action")
    because: str = Field("", description="Why it ends as it does, or is held; empty while that is open")
    waiting_for: str = Field(description="What it waits for now; empty when it does not wait")
    actor: str
    created_at: datetime
    finished_at: datetime | None


class InstanceView(View):
    """One running copy of a release."""

    id: str
    unit: str
    environment: str
    version: str
    state: str
    host: str
    port: int
    pid: int | None
    restarts: int
    failed_checks: int
    since: datetime
    detail: str


class SignatureView(View):
    """A signature as 21 CFR 11.50 wants it shown: who, when, in what meaning; and what it is worth today."""

    id: str
    action: str
    subject: str
    signer: str
    display_name: str
    meaning: str
    reason: str
    at: datetime
    document_hash: str
    standing: Literal["valid", "unsigned", "forged"]
    method: str


class GateView(View):
    """People must say yes before it begins. why_not: why the caller cannot; empty where they may.

    `document` is what an approval signs now, `document_hash` its SHA-256; null where nothing can be signed.
    """

    is_open: bool
    approvals_needed: int
    approver_role: str
    approvals: list[SignatureView]
    may_approve: bool
    why_not: str
    document: dict[str, Any] | None
    document_hash: str


class HeadsView(View):
    """Stations that were asked to run the candidate, each in one of these."""

    asked: int
    confirmed: int
    failed: int
    lost: int = Field(description="Not heard of since they began to switch")
    silent: int = Field(description="Switched off; they catch up")
    under_way: int


class FleetView(View):
    """How the stations of a fleet stand with a rollout's candidate."""

    stations: int
    pinned: int
    everybody: HeadsView = Field(description="All that were asked so far")
    wave: HeadsView = Field(description="Those that were asked last")
    needed: int = Field(0, description="Of the wave, how many have to confirm it before the next one opens")
    answering: int = Field(description="Of those that confirmed it, the ones heard of lately")
    remaining: int = Field(description="Heard of lately, and running it or on their way to or from it")
    remaining_silent: int
    detail: str = Field(description="The first station that failed, and why")


class RolloutView(RolloutSummary):
    """A rollout with its plan, the judge's findings and the instances of both releases.

    `soak_until` and `deadline_at` say when the present step may end and when it gives up.
    `requested` is a person's wish that the next tick takes up.
    """

    plan: PlanView
    verdict: VerdictView | None
    stage: str = Field(description="What the phase is busy with")
    held_from: str | None = Field(description="The phase that a hold interrupted")
    frozen_at: datetime | None = Field(description="Since when the cord stops it")
    looked_at: datetime | None = Field(description="When the judge last looked")
    entered_at: datetime
    step_since: datetime | None
    soak_until: datetime | None
    deadline_at: datetime | None
    requested: str | None
    instances: list[InstanceView]
    waits_at: list[str] = Field(
        [], description="Kinds of the gates at which it stands: approval, window, production, webhook, hold"
    )
    outlook: list[OutlookView] = Field([], description="What would change the verdict, by open metric")
    gate: GateView | None = None
    fleet: FleetView | None = Field(None, description="Where it goes to stations")


class JudgedView(View):
    """What a policy said of a rollout. look, at: where it was reached first, null where it never was."""

    outcome: str
    reason: str
    look: int | None
    at: datetime | None
    exposure: int = Field(description="Of the candidate until then, in the metric that had most")


class ReplayedView(View):
    """One rollout, judged again from its stored looks."""

    rollout: str
    unit: str
    environment: str
    stable: str | None
    candidate: str
    created_at: datetime
    phase: str
    looks: int
    is_same: bool = Field(description="Its own policy gives its recorded verdict again, number for number")
    recorded: JudgedView
    proposed: JudgedView | None = Field(description="Null where no policy was proposed")
    is_changed: bool


class ReplayView(View):
    """Former rollouts, judged again; those without looks are left out."""

    rollouts: list[ReplayedView]
    changed: int
    not_same: int


class LookMetric(View):
    """One metric at one look, cumulative since the rollout began."""

    ratio: float | None
    low: float
    high: float | None
    log_e_harm: float
    log_e_safe: float
    stable: Count
    candidate: Count


class LookView(View):
    """One look of the judge; `seq` rises by one within a rollout."""

    seq: int
    at: datetime
    share: float
    metrics: dict[str, LookMetric]


class CordView(View):
    """A pulled cord; environment null means everywhere. `returns`: everything goes back to stable."""

    environment: str | None
    returns: bool
    actor: str
    reason: str
    at: datetime


class HoldView(View):
    """Nothing deploys by itself to a unit there. `version`: what was taken back, null where nothing was."""

    unit: str
    environment: str
    version: str | None
    rollout: str = Field("", description="The rollout that was ended, or that goes back")
    actor: str
    reason: str
    at: datetime


class HistoryView(View):
    """A rollout, and what became of its release there. `duration_s` is of the rollout.

    `can_return`: `andon rollback --to` brings it back without a gate; other releases wait at one.
    """

    rollout: RolloutSummary
    is_rollback: bool
    verdict: str | None = Field(description="The judge's last reason; null before its first look")
    duration_s: float | None
    ran_from: datetime | None = Field(description="Since when it was the stable release; null: never")
    ran_until: datetime | None = Field(description="Until when; null: it still is, or never was")
    is_withdrawn: bool = Field(description="A person went back from it")
    can_return: bool


class RecordView(View):
    """One thing that happened."""

    number: int
    at: datetime
    kind: str = Field(examples=["rollout.step"])
    subject: str = Field(examples=["rollout/ro-0kz3v1q8x-5f2mabcd"])
    actor: str
    reason: str
    unit: str
    environment: str
    severity: str
    before: dict[str, Any]
    after: dict[str, Any]
    role: str = Field("", description="The right in use", examples=["approver@production"])
    source: str = Field("", description="The address that it came from")
    correlation: str = Field("", description="Ties the records of one request together")
    hash: str = Field("", description="SHA-256, hex, over this record and the hash before it")


class ChangeView(View):
    """One value that a record changed; null where it was not there."""

    name: str
    before: Any
    after: Any


class RecordWithNeighbours(View):
    """A record with the ones before and after it of the same subject, and what it changed."""

    record: RecordView
    previous: RecordView | None
    next: RecordView | None
    changes: list[ChangeView]


class StageView(View):
    """One stage of a run."""

    name: str
    needs: list[str]
    state: str
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    summary: str


class RunView(View):
    """One walk from source to release."""

    id: str
    unit: str
    version: str | None
    path: str
    state: str
    is_over: bool
    stages: list[StageView]
    actor: str
    reason: str
    created_at: datetime
    finished_at: datetime | None
    duration_s: float | None


class ArtifactView(View):
    """Immutable bytes named by their SHA-256."""

    role: str
    name: str
    sha256: str
    size_bytes: int


class ReleaseView(View):
    """A published release."""

    id: str = Field(examples=["mes@1.1.0"])
    unit: str
    version: str
    source: str
    run: str
    created_at: datetime
    artifacts: list[ArtifactView]
    is_revoked: bool = Field(default=False, description="It can be installed nowhere any more")


class ReleaseDetail(ReleaseView):
    """A published release with its notes."""

    notes: str = Field(default="", description="What is new in it: text or Markdown; empty: it has no notes")
    notes_fault: str = Field(default="", description="Why its notes cannot be shown; empty: they can")


class UnitStatus(View):
    """One unit in one environment, as a tile of the floor."""

    unit: str
    environment: str
    description: str
    address: str | None = Field(description="Where the gateway serves it; null when unknown")
    light: Light
    stable: str | None
    ready: int
    total: int
    rates: Rates
    metrics: list[MetricView]
    releases: list[ReleaseStatus]
    rollout: RolloutSummary | None
    last_rollout: RolloutSummary | None
    hold: HoldView | None = None
    recalls: list[str] = Field(default_factory=list, description="What must not run there, by whom and why")


class Status(View):
    """The floor: everything that runs, the pulled cords, and what wants a person first."""

    at: datetime
    version: str
    cords: list[CordView]
    units: list[UnitStatus]
    sets: list[SetRolloutView] = Field(default_factory=list, description="Sets on their way")


class UnitView(View):
    """A unit that Andon knows: where it runs and its newest release."""

    name: str
    description: str
    environments: list[str]
    releases: int
    newest: str | None


class Check(View):
    """One part and whether it works."""

    name: str
    is_good: bool
    detail: str
    hint: str = ""


class Checks(View):
    """All parts; `is_good` only when each is."""

    is_good: bool
    checks: list[Check]


class Health(View):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Lines(View):
    """The last lines of an instance's output, oldest first."""

    instance: str
    lines: list[str]


class LogPiece(View):
    """Text of a stage's log from an offset; ask again from `next_offset`."""

    text: str
    next_offset: int
    is_over: bool
