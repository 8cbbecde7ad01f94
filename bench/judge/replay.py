"""How fast a stored history is judged again: `python -m bench.judge.replay`.

An event is a request; seconds are of one processor.
Three metrics (errors and failed serials counted, latency in the gateway's buckets) at a look each second.
"""

import argparse
import time

import numpy as np

from andon.gateway.model import EDGES_S
from andon.judge.model import Counts, JudgePolicy, Look, MetricKind, MetricPolicy
from andon.judge.replay import StoredLook, replay, settle
from bench.judge.latency import look

_EDGES = tuple(EDGES_S)
ERRORS = MetricPolicy("errors", 0.003, acceptable=0.005, guardrail=0.05)
YIELD = MetricPolicy("yield", 0.003)
LATENCY = MetricPolicy("latency", 0.003, margin=1.1, kind=MetricKind.LATENCY, edges=_EDGES, guardrail=2.0)


def history(events: int, each: int, names: tuple[str, ...]) -> list[StoredLook]:
    """So many requests, `each` per look, half of them the candidate's, and a serial for every ten."""
    noise, half, made = np.random.default_rng(1), each // 2, []
    for second in range(events // each):
        looks = {}
        if "latency" in names:
            looks["latency"] = look(
                0.08 * np.exp(0.3 * noise.standard_normal(half)),
                0.08 * np.exp(0.3 * noise.standard_normal(half)),
            )
        for name, exposure, rate in (("errors", half, 0.01), ("yield", each // 20, 0.03)):
            if name in names:
                stable, candidate = (Counts(exposure, int(noise.binomial(exposure, rate))) for _ in range(2))
                looks[name] = Look(stable, candidate)
        made.append(StoredLook(looks, Look(Counts(half), Counts(half)), 0.5, float(second)))
    return made


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    asked = parser.parse_args()
    for metrics in ((ERRORS,), (ERRORS, YIELD), (ERRORS, YIELD, LATENCY)):
        policy = JudgePolicy(metrics)
        for each in (100, 1000):
            stored = history(asked.events, each, tuple(one.name for one in metrics))
            for what, work in (("replay", replay), ("settle", settle)):
                began = time.process_time()
                work(stored, policy)  # type: ignore[operator]
                took = time.process_time() - began
                print(
                    f"{what} {len(metrics)} metrics, {each:4} events per look: "
                    f"{len(stored) * each / took:12,.0f} events/s, {took / len(stored) * 1e6:6.0f} us/look",
                    flush=True,
                )


if __name__ == "__main__":
    main()
