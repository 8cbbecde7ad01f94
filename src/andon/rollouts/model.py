"""A rollout: its plan, where it is, and what the world looks like. Facts, frozen; no rule lives here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from andon.evidence.increments import Baseline
from andon.judge.model import Counts, JudgeState, Verdict
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.steps import Gate, GateKind, Plan, Step, Task, together
from andon.targets.model import InstanceState
from andon.targets.stations import NO_FLEET, FleetSeen
from andon.units.desired import NO_ROUTING, Routing


class Phase(StrEnum):
    """Where a rollout is in its life. The last two are its ends."""

    PREPARING = "preparing"  # the candidate's first instances start; nothing is routed to it
    STEPPING = "stepping"  # the plan is walked
    FINISHING = "finishing"  # the candidate takes everything; the former release is kept warm, then stopped
    RETURNING = "returning"  # share to 0, acknowledged, drained, stopped
    HELD = "held"  # it can neither go on nor return now; a person is alerted
    PROMOTED = "promoted"
    RETURNED = "returned"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self in {Phase.PROMOTED, Phase.RETURNED}


class Stage(StrEnum):
    """What a phase is busy with. Not every phase has every stage; `decide.py` has the order."""

    ROUTING = "routing"  # a share is desired; the gateway has not confirmed it yet
    DRAINING = "draining"  # the leaving release gets nothing new; what it has in flight may end
    STOPPING = "stopping"  # the leaving release's instances are told to stop
    SCALING = "scaling"  # instances of the coming release are starting
    SERVING = "serving"  # the step's share is confirmed: it soaks and is judged
    RESTORING = "restoring"  # the stable release was started again; its route is not confirmed yet
    WARM = "warm"  # the candidate has everything; the former release is kept ready to take it back
    FILLING = "filling"  # of a fleet: a wave's stations are asked, and take it one after the other
    GATED = "gated"  # somebody or something has not said yes yet; what serves stays as it is
    CHECKING = "checking"  # the step's instances are ready, and a task runs before its share is asked for
    VERIFYING = "verifying"  # the return is done: it is looked at once more


class Trigger(StrEnum):
    """Why a rollout comes back."""

    JUDGE = "judge"
    GUARDRAIL = "guardrail"
    INVALID = "invalid"  # the split is broken, so nothing can be judged
    HEALTH = "health"
    CRASH_LOOP = "crash-loop"
    NOT_READY = "not-ready"
    TRAFFIC_DROP = "traffic-drop"
    UNTRUSTED = "untrusted"
    NO_EVIDENCE = "no-evidence"
    TIMEOUT = "timeout"  # gateway or target did not do in time what was asked; nobody blames the candidate
    ABORT = "abort"
    CORD = "cord"
    GATE = "gate"  # not approved: somebody or something said no, or nobody answered in time
    CHECK = "check"  # a smoke test or a command failed
    ALERT = "alert"  # an alert rule asked for it
    STATIONS = "stations"  # of a fleet: too many of the stations that were asked failed with it


@dataclass(frozen=True, slots=True)
class Answers:
    """What the signatures at a gate say, counted anew at each look, and never stored.

    approvals: of different people, over exactly what stands there now. is_separated: one of them neither
    shipped nor proposed it. rejection: a sentence, where somebody said no. problem: why signatures that
    are there do not count.
    """

    approvals: int = 0
    is_separated: bool = False
    rejection: str = ""
    problem: str = ""


UNANSWERED = Answers()


class GateState(StrEnum):
    """What a gate says now."""

    OPEN = "open"
    WAITING = "waiting"
    REFUSED = "refused"  # a final no


@dataclass(frozen=True, slots=True)
class GateSeen:
    """A gate as it was seen at this look. reason: the rest of a sentence about the gate, for people.

    Silence of whoever is asked is WAITING, with what is known of it as the reason.
    """

    state: GateState
    reason: str


UNSEEN = GateSeen(GateState.WAITING, "was not looked at yet")


class TaskState(StrEnum):
    """How far a task is."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"  # at its last try: final
    LOST = "lost"  # what ran it is gone and left no result; it is run again


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """The task that the rollout wants now, as its row says. reason: the rest of a sentence about the task."""

    state: TaskState
    reason: str = ""


NOT_BEGUN = TaskSeen(TaskState.PENDING)


class RequestKind(StrEnum):
    """What a person may ask of a rollout."""

    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    ALERT = "alert"  # a program says that an alert rule with the action roll-back fires


@dataclass(frozen=True, slots=True)
class Request:
    """A person's wish, taken up by the next tick. signature: its id, where one was given."""

    kind: RequestKind
    actor: str
    reason: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is remembered of the evidence. Written with every look, apart from the rollout's own row.

    seq: number of the last write. counts_from: when the first share was confirmed; nothing before it counts.
    baselines: by metric; traffic: the same for requests. route: desired revision and candidate share that
    the gateway had confirmed when `traffic` was read; requests are compared with the share only while it
    stays the same. step_requests_*: requests at the share in force. waiting_for: the last tick's reason to
    wait, for people; it is written with a look, and when it begins to wait for something else.
    """

    judge: JudgeState
    verdict: Verdict | None = None
    seq: int = 0
    looked_at: datetime | None = None
    counts_from: datetime | None = None
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    traffic: Baseline | None = None
    route: tuple[int, float] | None = None
    step_requests_candidate: int = 0
    step_requests_stable: int = 0
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One release on its way into one environment.

    stage: what the phase is busy with. step: index into `plan.steps`; step_since: when the step's share was
    acknowledged by the gateway, None before. deadline_at: when the present stage gives up. held_from: the
    phase that a hold interrupted. paused_at, frozen_at: since when a person, or the cord, stops it.
    because: why it ends as it does, or is held; empty while that is open. proposer_id: the user's id of who
    began it; empty for a token, and in rows from before there were users.
    at: index into what stands before the step (`plan.before`) of what it waits for or does now; behind the
    last where nothing is left. back_at: when the gateway confirmed share 0 of a return.
    """

    id: RolloutId
    unit: UnitName
    environment: EnvironmentName
    stable: Version | None
    candidate: Version
    plan: Plan
    phase: Phase
    stage: Stage
    step: int
    entered_at: datetime
    step_since: datetime | None
    deadline_at: datetime | None
    request: Request | None
    evidence: Evidence
    trigger: Trigger | None
    reason: str
    actor: str
    created_at: datetime
    finished_at: datetime | None = None
    held_from: Phase | None = None
    paused_at: datetime | None = None
    frozen_at: datetime | None = None
    proposer_id: str = ""
    because: str = ""
    at: int = 0
    back_at: datetime | None = None

    @property
    def judge(self) -> JudgeState:
        """What the judge remembers."""
        return self.evidence.judge

    @property
    def verdict(self) -> Verdict | None:
        """The judge's last words."""
        return self.evidence.verdict

    @property
    def waiting_for(self) -> str:
        """What it waits for, in a sentence; empty just after a decision."""
        return self.evidence.waiting_for

    @property
    def is_paused(self) -> bool:
        """Whether a person asked it to stay where it is."""
        return self.paused_at is not None

    @property
    def is_gated(self) -> bool:
        """Whether it stands at gates."""
        return self.phase in {Phase.PREPARING, Phase.STEPPING} and self.stage is Stage.GATED

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates at which it stands, all of which must be open at once; none where it stands at none."""
        return together(self.plan.before(self.step)[self.at :]) if self.stage is Stage.GATED else ()

    @property
    def approval(self) -> Gate | None:
        """The gate at which it waits for people's signatures now."""
        mine = self.gates if self.is_gated else ()
        return next((each for each in mine if each.kind is GateKind.APPROVAL), None)

    @property
    def is_on_hold(self) -> bool:
        """Whether the plan waits here for a person who resumes it."""
        return self.is_gated and any(each.kind is GateKind.HOLD for each in self.gates)

    @property
    def task(self) -> Task | None:
        """The task that comes next before the step's share, or runs now; None where a gate comes first."""
        rest = self.plan.before(self.step)[self.at :]
        return rest[0] if rest and isinstance(rest[0], Task) else None

    @property
    def has_asked_for_instances(self) -> bool:
        """Whether the step's own instances are asked for: behind its gates, before its first task."""
        done = self.plan.before(self.step)[: self.at]
        return self.stage is not Stage.GATED or any(isinstance(each, Task) for each in done)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of the candidate was asked for yet, and nothing of the stable release changed."""
        return self.phase is Phase.PREPARING and self.is_gated and not self.has_asked_for_instances

    @property
    def step_in_force(self) -> Step | None:
        """The step whose share and routing the gateway is asked for; None before the first."""
        if self.working_phase is Phase.PREPARING:
            return None
        before = {Stage.SCALING, Stage.GATED, Stage.CHECKING}
        index = self.step - 1 if self.stage in before else self.step
        return self.plan.steps[index] if index >= 0 else None

    @property
    def routing(self) -> Routing:
        """What is routed beside the share. A step's preview is there once its instances are asked for."""
        if self.working_phase not in {Phase.PREPARING, Phase.STEPPING}:
            return NO_ROUTING
        now = self.step_in_force.routing if self.step_in_force else NO_ROUTING
        coming = self.plan.steps[self.step].routing.has_preview and self.has_asked_for_instances
        return replace(now, has_preview=True) if coming else now

    @property
    def has_users(self) -> bool:
        """Whether requests of people go to the candidate."""
        return self.share > 0 or bool(self.routing.matches)

    @property
    def is_last_step(self) -> bool:
        """Whether the plan ends with the present step."""
        return self.step == len(self.plan.steps) - 1

    @property
    def working_phase(self) -> Phase:
        """The phase; while held, the one that the hold interrupted."""
        return self.held_from or self.phase

    @property
    def share(self) -> float:
        """Share of the candidate that the present phase and stage want."""
        match self.working_phase:
            case Phase.PREPARING | Phase.RETURNING | Phase.RETURNED | Phase.HELD:
                return 0.0
            case Phase.FINISHING | Phase.PROMOTED:
                return 1.0
            case Phase.STEPPING:
                return self.step_in_force.share if self.step_in_force else 0.0


@dataclass(frozen=True, slots=True)
class SeenInstance:
    """What matters of one instance for a decision. since: when it entered its state.

    memory: what it uses of the memory that it may have, 0 to 1; None where that is not known.
    """

    version: Version
    state: InstanceState
    failed_checks: int
    since: datetime
    detail: str = ""
    memory: float | None = None


NOTHING_BESIDE = Counts()


@dataclass(frozen=True, slots=True)
class Observation:
    """What the world looks like at `now`. Gathered once per tick, before deciding.

    desired_revision: the one that stands in the database. acknowledged_revision: the one that the gateway
    confirmed, with the shares of candidate and stable release (None: nothing confirmed yet).
    active_requests: in flight at the candidate and at the stable release, as counted at traffic_at.
    requests: candidate and stable requests since the step's share was acknowledged.
    evidence_problems: sentences of required sources that do not answer. judge_problem: why nothing can be
    judged, not even that no harm is seen; empty where it can. answers: at the approval at which
    it stands. gates: what the other gates at which it stands say, by key. task: the one that it wants now.
    clock_step: how far the clock was set forward (or back) since the look before, beyond the time that
    passed. target_problem: why the target does not answer, so that nothing is known of the instances.
    beside: requests of the candidate by match or mirror, which nobody drew, and how many of them failed.
    fleet: how the stations stand, where it goes to a fleet.
    """

    now: datetime
    desired_revision: int
    acknowledged_revision: int | None
    share: float | None
    stable_share: float | None
    instances: Sequence[SeenInstance]
    candidate_active_requests: int
    stable_active_requests: int
    step_requests_candidate: int
    step_requests_stable: int
    verdict: Verdict
    traffic_at: datetime | None = None
    evidence_problems: Sequence[str] = ()
    judge_problem: str = ""
    is_corded: bool = False
    cord_returns: bool = False
    cord_reason: str = ""
    beside: Counts = NOTHING_BESIDE
    answers: Answers = UNANSWERED
    gates: Mapping[str, GateSeen] = field(default_factory=dict)
    task: TaskSeen = NOT_BEGUN
    clock_step: timedelta = timedelta()
    target_problem: str = ""
    fleet: FleetSeen = NO_FLEET


@dataclass(frozen=True, slots=True)
class Cord:
    """A pulled cord. environment: None is everywhere; returns: it also takes everything to stable."""

    environment: EnvironmentName | None
    returns: bool
    actor: str
    reason: str
    at: datetime
