"""A rollout: its plan, where it is, and what the world looks like. Facts, frozen; no rule lives here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from andon.evidence.increments import Baseline
from andon.judge.model import JudgePolicy, JudgeState, Verdict
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.targets.model import InstanceState
from andon.units.model import StrategyName


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
    GATED = "gated"  # people have not said yes yet: nothing of the candidate is there


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
    GATE = "gate"  # not approved: a person said no, or nobody answered in time


@dataclass(frozen=True, slots=True)
class Gate:
    """People must say yes before step `before_step`; so far that is always the first.

    approvals: signatures of so many different people, at least one of whom neither shipped the release nor
    proposed the rollout. approver_role: held by who signs. expires_after: an answer that is not given by
    then is a no.
    """

    approvals: int
    approver_role: str
    before_step: int = 0
    expires_after: timedelta = timedelta(days=7)


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


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a plan: from its start the candidate has `share`, with so many instances of each.

    It lasts at least `soak`. `is_judged`: it ends only with a verdict, at the latest after `max_wait`,
    which is never shorter than `soak`.
    """

    share: float
    candidate_instances: int
    stable_instances: int
    soak: timedelta
    is_judged: bool
    max_wait: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen, frozen when the rollout begins. `hash` is the SHA-256 of all the rest.

    instances: of the candidate when it has everything; stable_instances: of the stable release before and
    after. needs_gap: the two cannot run at once, so the stable one is stopped first. install_deadline:
    longest until the very first instances run, on top of `ready_deadline`. notes: what a person should know
    before it begins, one sentence each. gate: who must approve before anything of the candidate is there.
    """

    strategy: StrategyName
    steps: tuple[Step, ...]
    instances: int
    require_evidence: bool
    ready_deadline: timedelta
    drain_timeout: timedelta
    warm: timedelta
    health_failures: int
    policy: JudgePolicy
    hash: str
    stable_instances: int = 0
    needs_gap: bool = False
    is_rollback: bool = False
    install_deadline: timedelta = timedelta(minutes=5)
    confirm_deadline: timedelta = timedelta(seconds=30)
    stop_deadline: timedelta = timedelta(seconds=60)
    notes: tuple[str, ...] = ()
    gate: Gate | None = None


class RequestKind(StrEnum):
    """What a person may ask of a rollout."""

    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


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
    proposer_id: the user's id of who began it; empty for a token, and in rows from before there were users.
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
        """Whether it waits for people to say yes."""
        return self.phase is Phase.PREPARING and self.stage is Stage.GATED

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
                index = self.step - 1 if self.stage is Stage.SCALING else self.step
                return self.plan.steps[index].share if index >= 0 else 0.0


@dataclass(frozen=True, slots=True)
class SeenInstance:
    """What matters of one instance for a decision. since: when it entered its state."""

    version: Version
    state: InstanceState
    failed_checks: int
    since: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the world looks like at `now`. Gathered once per tick, before deciding.

    desired_revision: the one that stands in the database. acknowledged_revision: the one that the gateway
    confirmed, with the shares of candidate and stable release (None: nothing confirmed yet).
    active_requests: in flight at the candidate and at the stable release, as counted at traffic_at.
    requests: candidate and stable requests since the step's share was acknowledged.
    evidence_problems: sentences of required sources that do not answer. answers: at the gate, if it has one.
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
    is_corded: bool = False
    cord_returns: bool = False
    cord_reason: str = ""
    answers: Answers = UNANSWERED


@dataclass(frozen=True, slots=True)
class Cord:
    """A pulled cord. environment: None is everywhere; returns: it also takes everything to stable."""

    environment: EnvironmentName | None
    returns: bool
    actor: str
    reason: str
    at: datetime
