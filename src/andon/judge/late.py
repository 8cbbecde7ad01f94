"""A late turn: the part of the harm test's bet that is made anew each time the candidate's share changes.

A candidate that was good for thousands of events and then turns bad must first use up the evidence in its
favour. What the harm test does not bet at first is there for the later steps: each bets half of what is left,
from its own beginning. It is one mixture with weights fixed beforehand, so the promise is the same.
"""

import math
from collections.abc import Sequence

from andon.judge import counts
from andon.judge.mixture import Atom, log_mean, log_sum
from andon.judge.model import Late

_UNBET = counts.HARM[0].weight
_BETS = counts.HARM[1:]
_ANEW = tuple(Atom(each.at, each.weight / (1.0 - _UNBET)) for each in _BETS)


def begin_step(late: Late | None, log_likelihood: Sequence[float]) -> Late | None:
    """Settle the bet of the step that ends and make that of the next. A step without evidence is none."""
    base = counts.at_bets(log_likelihood)
    if late is None:
        return Late(_UNBET / 2.0, _UNBET / 2.0, -math.inf, base) if any(base) else None
    if base == late.base:
        return late
    won = log_sum((1.0, late.won), (late.stake, _since(late, base)))
    return Late(late.kept / 2.0, late.kept / 2.0, won, base)


def log_e(late: Late | None, log_likelihood: Sequence[float]) -> float:
    """Log e-value against "no worse", with what the later steps bet."""
    if late is None:
        return counts.log_e_harm(log_likelihood)
    bets = counts.at_bets(log_likelihood)
    whole = log_mean(bets, _BETS)
    return log_sum((1.0, whole), (late.kept, 0.0), (1.0, late.won), (late.stake, _since(late, bets)))


def _since(late: Late, bets: Sequence[float]) -> float:
    return log_mean([now - then for now, then in zip(bets, late.base, strict=True)], _ANEW)
