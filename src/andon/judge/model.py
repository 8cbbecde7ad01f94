"""What the judge reads and says. Pure values: counts come in, a verdict with its reason goes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from andon.judge.options import MannWhitney, Threshold
from andon.kernel.later import LATER


class Outcome(StrEnum):
    """What the evidence says. `INVALID` means the comparison itself is broken, not the candidate."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Counts:
    """Events seen in one arm: `bad` of `exposure` (requests, serials)."""

    exposure: int = 0
    bad: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Return the sum of both."""
        return Counts(self.exposure + other.exposure, self.bad + other.bad)


@dataclass(frozen=True, slots=True)
class Look:
    """What one metric gained in each arm between two looks. Increments, never totals.

    *_buckets: of a metric that measures, how many of the exposure fell up to each edge of its policy and
    above the edge before; they sum to the exposure. Empty for a metric that counts.
    stable_before: with the first look of a metric that measures, what the stable release had in each bucket
    before anything counted; it says where its slowest lie, and is no evidence.
    """

    stable: Counts
    candidate: Counts
    stable_buckets: tuple[int, ...] = ()
    candidate_buckets: tuple[int, ...] = ()
    stable_before: tuple[int, ...] = ()


class Combine(StrEnum):
    """How the tests of a release share its chance of a false fail.

    SPLIT: each test has a part of it. AVERAGE: the weighted mean of their e-values is tested as one.
    """

    SPLIT = "split"
    AVERAGE = "average"


class MetricKind(StrEnum):
    """What a metric is: bad events of an exposure, or a measured quantity of which less is better."""

    COUNT = "count"
    LATENCY = "latency"


class NoiseSource(StrEnum):
    """Where a metric's noise is known from."""

    STATED = "stated"  # the manifest says so; also what every policy from before there was noise meant
    MEASURED = "measured"  # in the plant's own history, with an upper bound
    SUPPOSED = "supposed"  # there is too little history: a cautious guess


@dataclass(frozen=True, slots=True)
class Noise:
    """How far a metric moves in one arm alone for reasons that lie in no release. See dispersion.py.

    dispersion: variance of counts as a multiple of that of independent events; 1 or more. It is what events
    that come together cause.
    wander: standard deviation of the logarithm of the rate ratio of two like releases, which stays as it is
    for `lasts_s` seconds and is then another one; 0 is none.
    minutes: of history that this was measured on.
    """

    dispersion: float = 1.0
    wander: float = 0.0
    lasts_s: float = 0.0
    source: NoiseSource = NoiseSource.STATED
    minutes: int = 0


INDEPENDENT = Noise()


@dataclass(frozen=True, slots=True)
class MetricPolicy:
    """How one metric is judged.

    edges: of a metric that measures, the upper edges of its buckets, rising; the last is infinite.
    alpha: chance, over the whole release, that a harmless candidate ever fails on this metric.
    beta: chance that a candidate as bad as the margin is ever passed on this metric.
    margin: rate ratio (> 1) from which on a candidate counts as worse for promotion; of a metric that
    measures, how many times as long it may take.
    acceptable: absolute rate below which a candidate is good enough whatever the stable does; None = none.
    guardrail: absolute rate above which the candidate fails whatever the stable does; None = none.
    Of a metric that measures, both are limits of its 95th percentile, in the unit of its edges (seconds).
    guardrail_min_exposure: events before the guardrail may speak.
    required: promotion waits for this metric's evidence.
    noise: of this plant; evidence is widened by it.
    """

    name: str
    alpha: float
    beta: float = 0.01
    margin: float = 1.5
    acceptable: float | None = None
    guardrail: float | None = None
    guardrail_min_exposure: int = 20
    required: bool = True
    kind: MetricKind = field(default=MetricKind.COUNT, metadata=LATER)
    edges: tuple[float, ...] = field(default=(), metadata=LATER)
    noise: Noise = field(default=INDEPENDENT, metadata=LATER)


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """The policy of one rollout, frozen with its plan.

    judge: name of the judge that reads the evidence.
    mann_whitney, threshold: how those two judge, where one of them is chosen.
    options: numbers for a judge of the plant's own.
    combine: how the metrics share the chance of a false fail; the alphas of the metrics sum to it.
    session_requests: most requests that one sticky session makes; 1 where requests are split one by one.
    The sample-ratio check counts sessions, because a session moves as a whole.
    """

    metrics: tuple[MetricPolicy, ...]
    ratio_alpha: float = 0.001
    session_requests: int = 1
    judge: str = field(default="sequential", metadata=LATER)
    combine: Combine = field(default=Combine.SPLIT, metadata=LATER)
    mann_whitney: MannWhitney | None = field(default=None, metadata=LATER)
    threshold: Threshold | None = field(default=None, metadata=LATER)
    options: Mapping[str, float] = field(default_factory=dict, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Late:
    """The part of a bet that is made anew at each change of share, so that a late turn is seen soon.

    kept: the part that was not bet yet. stake: what was bet at the beginning of this step. won: the logarithm
    of what the bets of former steps came to, all together. base: the log-likelihood, at each alternative of
    the harm test, when this step began.
    """

    kept: float
    stake: float
    won: float
    base: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """An edge of the buckets at which the arms are compared (see points.py).

    edge: its index; -1 while too little is known of the stable release. beyond: the part of the stable
    release's observations that lay beyond it when it was chosen. lower, part: an observation of the stable
    release that took the metric's margin longer would lie beyond the edge from bucket `lower` + 1 on, and so
    would this part of that bucket. margin: how many times as many that is, about. stable, candidate:
    observations, and those beyond the edges in force; moved: those of the stable release that would be.
    log_margin, max_log_e_safe: as in MetricState.
    """

    edge: int = -1
    beyond: float = 0.0
    lower: int = 0
    part: float = 0.0
    margin: float = 1.0
    moved: float = 0.0
    stable: Counts = Counts()
    candidate: Counts = Counts()
    log_margin: tuple[float, ...] = ()
    max_log_e_safe: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the judge remembers of a metric that measures, beside the counts beyond its tail.

    before: the stable release's observations in each bucket before anything counted. stable, candidate: in
    all; *_closed: how much of them was there when the share last changed. steps: changes of share so far.
    apart, apart_edge: the widest bands that did not touch in this step (see dkw.py), and where; parted: the
    highest logarithm of what the bands ever said, this step left out.
    """

    before: tuple[int, ...] = ()
    stable: tuple[int, ...] = ()
    candidate: tuple[int, ...] = ()
    stable_closed: tuple[int, ...] = ()
    candidate_closed: tuple[int, ...] = ()
    steps: int = 0
    apart: float = 0.0
    apart_edge: int = 0
    parted: float = 0.0
    tail: Point = Point()
    half: Point = Point()
    log_odds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricState:
    """What the judge remembers of one metric; plain numbers, stored as JSON and replayable bit for bit.

    log_likelihood: log-likelihood of everything seen, at each point of the effect grid (see counts.py).
    log_margin: the same at the margin's logarithm, then at each safe alternative below it.
    log_absolute: the same for the candidate's own rate against `acceptable`; empty when there is none.
    max_*: the highest logarithm that each e-value has ever had; 0 is no evidence.
    held_*: bad events that came before their exposure; they count once the exposure is there.
    log_closed, log_open: of a metric whose noise wanders, `log_likelihood` of the blocks of time that are
    over, and the plain one of the block that goes on, on a wider grid (see blocks.py). open_since: when it
    began, in seconds since 1970; blocks: how many are over.
    log_e: logarithm of the weighted mean of the present e-values of all of its tests. late: from the second
    step on. measured: of a metric that measures; the rest is then of the observations beyond its tail.
    """

    stable: Counts = Counts()
    candidate: Counts = Counts()
    log_likelihood: tuple[float, ...] = ()
    log_absolute: tuple[float, ...] = ()
    max_log_e_harm: float = 0.0
    max_log_e_safe: float = 0.0
    log_margin: tuple[float, ...] = ()
    max_log_e_guardrail: float = 0.0
    held_stable: int = 0
    held_candidate: int = 0
    log_closed: tuple[float, ...] = field(default=(), metadata=LATER)
    log_open: tuple[float, ...] = field(default=(), metadata=LATER)
    open_since: float = field(default=0.0, metadata=LATER)
    blocks: int = field(default=0, metadata=LATER)
    log_e: float = 0.0
    late: Late | None = None
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class RatioState:
    """Requests observed per arm since the shares were last changed (the segment), and the test's memory.

    log_bayes_factor: of the closed segments together; max_log_bayes_factor: highest ever, open one included.
    fired_*: the segment as it stood when the test first fired; share 0 is never.
    """

    log_bayes_factor: float = 0.0
    max_log_bayes_factor: float = 0.0
    segment_share: float = 0.0
    segment_stable: int = 0
    segment_candidate: int = 0
    fired_share: float = 0.0
    fired_stable: int = 0
    fired_candidate: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """One metric in intervals of time, for judges that read values of intervals.

    stable, candidate: a value for each closed interval, the oldest first; None where there was no exposure.
    open_*: what the interval still open has gained, with bad events that wait for their exposure. seen:
    intervals that ended. passed, failed, inconclusive: checks so far, of a judge that checks; silent:
    intervals without a value in a row. said: the last word of a judge that compares, and whether it is
    critical; low, high, estimate: the shift between the arms then; effect: in its measure, None where
    unknown.
    """

    stable: tuple[float | None, ...] = ()
    candidate: tuple[float | None, ...] = ()
    open_stable: Counts = Counts()
    open_candidate: Counts = Counts()
    open_stable_buckets: tuple[int, ...] = ()
    open_candidate_buckets: tuple[int, ...] = ()
    seen: int = 0
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    silent: int = 0
    said: str = ""
    is_critical: bool = False
    low: float = 0.0
    high: float = 0.0
    estimate: float = 0.0
    effect: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeState:
    """Everything the judge remembers of a rollout, by metric name.

    series: the metrics in intervals; closes_at: when the open interval ends, in seconds since 1970 (0: none
    has begun). is_final: such a judge has failed the candidate, and looks no further. memory: what a judge of
    the plant's own remembers, lists of numbers by names of its choice; problem: why it can judge no more.
    max_log_mean: the highest logarithm that the mean of all e-values has ever had (see Combine.AVERAGE).
    """

    metrics: dict[str, MetricState]
    ratio: RatioState = RatioState()
    series: dict[str, Series] = field(default_factory=dict)
    closes_at: float = 0.0
    is_final: bool = False
    memory: dict[str, tuple[float, ...]] = field(default_factory=dict)
    problem: str = ""
    max_log_mean: float = 0.0


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Edges up to which half, and 95 of 100, of each arm's observations lie; None where there are none."""

    stable_p50: float | None
    stable_p95: float | None
    candidate_p50: float | None
    candidate_p95: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one metric says. Rates are bad / exposure; ratio is candidate rate / stable rate.

    interval: anytime-valid confidence sequence of the ratio (low, high; high may be inf).
    e_harm, e_safe: the most evidence there ever was against "no worse" and against "worse by the margin";
    the boundaries are 1/alpha (a tenth of alpha is kept for the guardrail, if there is one) and 1/beta.
    Where the guardrail failed it, e_harm and harm_boundary are the guardrail's. events_needed: bad events
    (both arms) still expected until promotion; None when unknown. exposure_needed: the same in candidate
    exposure. Of a metric that measures, a bad event is an observation beyond `edge`, and percentiles says
    how it lies in all.
    """

    metric: str
    outcome: Outcome
    reason: str
    stable: Counts
    candidate: Counts
    ratio: float | None
    interval: tuple[float, float]
    e_harm: float
    e_safe: float
    harm_boundary: float
    safe_boundary: float
    events_needed: int | None = None
    exposure_needed: int | None = None
    by_guardrail: bool = False
    edge: float | None = None
    percentiles: Percentiles | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of a rollout at one look."""

    outcome: Outcome
    reason: str
    findings: tuple[Finding, ...] = ()
