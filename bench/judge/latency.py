"""Requests per arm until a slower candidate fails, and how often a harmless one does.

`python -m bench.judge.latency`: the real judge over lognormal latencies in the gateway's buckets. Arms are
alike in size, a look comes every `--look` requests of each, and the stable release had 2,000 before; `spread`
is the standard deviation of the logarithm. Figures: docs/design/judge.md.
"""

import argparse
import math
import statistics
from collections import Counter
from collections.abc import Callable

import numpy as np

from andon.gateway.model import EDGES_S
from andon.judge.model import Counts, JudgePolicy, JudgeState, Look, MetricKind, MetricPolicy, Outcome
from andon.judge.sequential import outcome, start, update

_EDGES = np.array(EDGES_S[:-1])
_NONE = (0,) * len(EDGES_S)
_Numbers = np.ndarray

WORLDS: dict[str, Callable[[np.random.Generator, _Numbers], _Numbers]] = {
    "25 % slower": lambda _noise, x: x * 1.25,
    "10 % slower": lambda _noise, x: x * 1.1,
    "10 % three times as slow": lambda noise, x: x * np.where(noise.random(len(x)) < 0.1, 3.0, 1.0),
    "alike": lambda _noise, x: x,
}


def buckets(seconds: _Numbers) -> tuple[int, ...]:
    """Latencies in seconds, in the gateway's buckets."""
    counted = np.bincount(np.searchsorted(_EDGES, seconds), minlength=len(_EDGES) + 1)
    return tuple(int(each) for each in counted)


def look(stable: _Numbers, candidate: _Numbers) -> Look:
    """One look at so many requests of each arm."""
    return Look(Counts(len(stable)), Counts(len(candidate)), buckets(stable), buckets(candidate))


def play(
    noise: np.random.Generator, policy: JudgePolicy, world: str, spread: float, sizes: tuple[int, int]
) -> tuple[Outcome, int]:
    """One rollout until it is decided: how, and after how many requests of each arm.

    sizes: requests of each arm at a look, and at most.
    """
    size, most = sizes
    median = 0.08 * math.exp(noise.uniform(-0.3, 0.3))

    def drawn(count: int) -> _Numbers:
        return np.asarray(median * np.exp(spread * noise.standard_normal(count)))

    before = Look(Counts(), Counts(), _NONE, _NONE, buckets(drawn(2000)))
    state: JudgeState = update(start(policy), {"latency": before}, policy)
    for requests in range(size, most + 1, size):
        gained = look(drawn(size), WORLDS[world](noise, drawn(size)))
        state = update(state, {"latency": gained}, policy)
        said = outcome(state, policy)
        if said is not Outcome.INCONCLUSIVE:
            return said, requests
    return Outcome.INCONCLUSIVE, most


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--look", type=int, default=10)
    parser.add_argument("--most", type=int, default=5000)
    parser.add_argument("--spreads", type=float, nargs="+", default=[0.3, 0.5, 1.0])
    asked = parser.parse_args()
    metric = MetricPolicy(
        "latency", asked.alpha, margin=1.1, kind=MetricKind.LATENCY, edges=EDGES_S, guardrail=2.0
    )
    policy, noise = JudgePolicy((metric,)), np.random.default_rng(1)
    for spread in asked.spreads:
        for world in WORLDS:
            played = [play(noise, policy, world, spread, (asked.look, asked.most)) for _ in range(asked.runs)]
            said = Counter(each.value for each, _ in played)
            middle = statistics.median(requests for _, requests in played)
            print(f"spread {spread:3.1f}  {world:26} {middle:6.0f} per arm  {dict(said)}", flush=True)


if __name__ == "__main__":
    main()
