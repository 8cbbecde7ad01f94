"""Simulated requests in two arms, as increments between looks. Rows are rollouts, columns looks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Situation:
    """One row of the table: base error rate, the candidate's as a multiple, its share, requests a minute."""

    ratio: float
    share: float = 0.5
    base: float = 0.01
    per_minute: int = 120  # both arms together


@dataclass(frozen=True)
class Traffic:
    """Exposure and bad events that each arm gained between two looks."""

    stable: Numbers
    candidate: Numbers
    bad_stable: Numbers
    bad_candidate: Numbers


def by_event(noise: np.random.Generator, situation: Situation, runs: int, looks: int) -> Traffic:
    """Draw requests one by one, with a look right after every bad event."""
    rate = situation.base * situation.ratio
    mine, other = situation.share * rate, (1 - situation.share) * situation.base
    until = noise.geometric(mine + other, size=(runs, looks))
    is_candidate = noise.random((runs, looks)) < mine / (mine + other)
    good_part = situation.share * (1 - rate) / (1 - mine - other)
    candidate = noise.binomial(until - 1, good_part) + is_candidate
    return _traffic(until - candidate, candidate, ~is_candidate, is_candidate)


def by_minute(noise: np.random.Generator, situation: Situation, runs: int, minutes: int) -> Traffic:
    """Draw the same traffic with a look each minute; the share of a minute is drawn, too."""
    candidate = noise.binomial(situation.per_minute, situation.share, size=(runs, minutes))
    stable = situation.per_minute - candidate
    bad_candidate = noise.binomial(candidate, situation.base * situation.ratio)
    bad_stable = noise.binomial(stable, situation.base)
    return _traffic(stable, candidate, bad_stable, bad_candidate)


def _traffic(*increments: npt.NDArray[Any]) -> Traffic:
    return Traffic(*(gained.astype(np.float64) for gained in increments))
