"""The sample-ratio test: did the arms get the requests that their shares promise?

Multinomial mixture test of Lindon & Malek, arXiv 2011.03567, equation 5, over the segments between changes of
share. If it fires, the split is broken, so every comparison is: the verdict is invalid.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from andon.judge.model import Counts, JudgePolicy, Look, RatioState
from andon.kernel.errors import InvalidInput

CONCENTRATION = 100.0


def log_bayes_factor(
    counts: Sequence[float], shares: Sequence[float], concentration: float = CONCENTRATION
) -> float:
    """Log Bayes factor against "the counts follow the shares"; counts may be fractions of sessions."""
    total = math.fsum(counts)
    parts = [math.lgamma(concentration) - math.lgamma(concentration + total)]
    for n, share in zip(counts, shares, strict=True):
        prior = concentration * share
        parts.append(math.lgamma(prior + n) - math.lgamma(prior) - n * math.log(share))
    return math.fsum(parts)


def observe(state: RatioState, requests: Look, share: float, policy: JudgePolicy) -> RatioState:
    """Add the requests that arrived while the candidate's share was `share` (0 to 1).

    A changed share closes the segment: its Bayes factor stays, and the next one starts from its prior. At
    share 0 and 1 there is nothing to compare, so nothing is counted.

    Raises: InvalidInput when share is outside 0 to 1.
    """
    if not 0.0 <= share <= 1.0:
        raise InvalidInput("judge.share", f"share is {share}; it must be between 0 and 1")
    if share != state.segment_share:
        closed = state.log_bayes_factor + _open_segment(state, policy)
        state = replace(
            state, log_bayes_factor=closed, segment_share=share, segment_stable=0, segment_candidate=0
        )
    if share in (0.0, 1.0):
        return state
    state = replace(
        state,
        segment_stable=state.segment_stable + requests.stable.exposure,
        segment_candidate=state.segment_candidate + requests.candidate.exposure,
    )
    return _remember(state, policy)


def has_fired(state: RatioState) -> bool:
    """Whether the split was ever shown to be broken."""
    return state.fired_share > 0.0


def segment(state: RatioState) -> tuple[float, Counts, Counts]:
    """Return share, stable and candidate requests of the segment in which the test fired."""
    return state.fired_share, Counts(state.fired_stable), Counts(state.fired_candidate)


def _open_segment(state: RatioState, policy: JudgePolicy) -> float:
    share = state.segment_share
    if share in (0.0, 1.0):
        return 0.0
    # A session moves as a whole: dividing by its largest size can only weaken the evidence.
    counts = [n / policy.session_requests for n in (state.segment_stable, state.segment_candidate)]
    return log_bayes_factor(counts, (1.0 - share, share))


def _remember(state: RatioState, policy: JudgePolicy) -> RatioState:
    now = state.log_bayes_factor + _open_segment(state, policy)
    state = replace(state, max_log_bayes_factor=max(state.max_log_bayes_factor, now))
    if has_fired(state) or now < -math.log(policy.ratio_alpha):
        return state
    return replace(
        state,
        fired_share=state.segment_share,
        fired_stable=state.segment_stable,
        fired_candidate=state.segment_candidate,
    )
