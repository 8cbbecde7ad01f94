"""`python -m bench.judge`: how soon the judge finds a bad release, and how often it fails a good one.

Base error rate 1 %, 120 requests a minute over both arms; alpha = beta = 0.01, margin 1.5.
"""

import argparse
import math
import time
from collections.abc import Iterator

import numpy as np

from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy
from andon.judge.sequential import start, update
from bench.judge import rules
from bench.judge.stats import upper_bound
from bench.judge.traffic import Numbers, Situation, Traffic, by_event, by_minute

RATIOS = (2, 3, 5, 10)
TARGETS = {0.5: (3300, 1000, 350, 120), 0.1: (1800, 560, 200, 70)}
LOOKS = {1: 400, 1.5: 500, 2: 1400, 3: 700, 5: 400, 10: 250}
HOUR = 60
BATCH = 1000


def batches(runs: int) -> Iterator[int]:
    while runs > 0:
        yield min(runs, BATCH)
        runs -= BATCH


def requests_until(rule: rules.Rule, traffic: Traffic) -> Numbers:
    """Candidate requests until the rule decides, by run; infinite where it never does."""
    decided = rule(traffic)
    seen = np.cumsum(traffic.candidate, axis=1)
    first = decided.argmax(axis=1)
    return np.where(decided.any(axis=1), seen[np.arange(len(seen)), first], np.inf)


def play(rule: rules.Rule, situation: Situation, runs: int, *, seed: int, minutes: int = 0) -> Numbers:
    """Play a rule, with a look after every bad event, or each minute for so many minutes."""
    noise = np.random.default_rng([seed, round(situation.ratio * 10), round(situation.share * 10)])
    parts = []
    for size in batches(runs):
        if minutes:
            traffic = by_minute(noise, situation, size, minutes)
        else:
            traffic = by_event(noise, situation, size, LOOKS[situation.ratio])
        parts.append(requests_until(rule, traffic))
    return np.concatenate(parts)


def check_against_the_judge() -> None:
    """Show that the arrays played here are the real judge, look by look."""
    traffic = by_event(np.random.default_rng(3), Situation(2.0, 0.1), 2, 150)
    policy = JudgePolicy((MetricPolicy("errors", alpha=0.01),))
    harm, safe = rules.log_e_harm(traffic), rules.log_e_safe(traffic, 1.5)
    for run in range(2):
        state = start(policy)
        for i in range(150):
            stable = Counts(int(traffic.stable[run, i]), int(traffic.bad_stable[run, i]))
            candidate = Counts(int(traffic.candidate[run, i]), int(traffic.bad_candidate[run, i]))
            state = update(state, {"errors": Look(stable, candidate)}, policy)
        seen = state.metrics["errors"]
        for found, expected in ((seen.max_log_e_harm, harm), (seen.max_log_e_safe, safe)):
            if not math.isclose(found, max(0.0, expected[run].max()), abs_tol=1e-9):
                raise SystemExit("the arrays differ from andon.judge: the figures would mean nothing")


def chance(hits: int, runs: int) -> str:
    return f"{hits / runs:7.2%} ({hits} of {runs}; at most {upper_bound(hits, runs):.2%} at 95 %)"


def quantity(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:,.0f}"


def detection_row(name: str, rule: rules.Rule, share: float, runs: int, minutes: int = 0) -> str:
    cells = []
    for ratio in RATIOS:
        taken = play(rule, Situation(ratio, share), runs, seed=1, minutes=minutes)
        missed = f", misses {np.isinf(taken).mean():.0%}" if np.isinf(taken).mean() >= 0.005 else ""
        mean = f" (mean {taken.mean():,.0f})" if not np.isinf(taken).any() else missed
        cells.append(f"{quantity(float(np.median(taken)))}{mean}")
    return f"  {name:<34}" + "".join(f"{cell:>22}" for cell in cells)


def detection(runs: int, few: int) -> None:
    print("Candidate requests until a release with more errors is failed: median (mean)")
    print(f"  {'':<34}" + "".join(f"{f'1 % -> {r} %':>22}" for r in RATIOS))
    for share, split in ((0.5, "50/50"), (0.1, "10/90")):
        print(f"  {f'target, {split}':<34}" + "".join(f"{t:>22,}" for t in TARGETS[share]))
        print(detection_row(f"sequential, {split}, every event", rules.sequential, share, runs))
        minutes = 300 if share == 0.5 else 1000
        print(detection_row(f"sequential, {split}, each minute", rules.sequential, share, few, minutes))
    print(detection_row("Kayenta-like, 50/50, first hour", rules.kayenta_like, 0.5, few // 2, HOUR))
    print(detection_row("Argo-like, 50/50, first 5 hours", rules.argo_like, 0.5, few, 5 * HOUR))
    print(detection_row("Flagger-like, 50/50", rules.flagger_like, 0.5, few, HOUR))


def false_fails(runs: int, few: int) -> None:
    print("\nHarmless releases failed (1 % against 1 %)")
    for share, split in ((0.5, "50/50"), (0.1, "10/90")):
        taken = play(rules.sequential, Situation(1, share), runs, seed=2)
        # At a base rate of 1 % these are the requests that bring 200 bad events.
        soon = int((taken <= (10_000 if share == 0.5 else 2_000)).sum())
        print(f"  {f'sequential, {split}, 200 events':<34}{chance(soon, runs)}")
        print(f"  {f'sequential, {split}, 400 events':<34}{chance(int(np.isfinite(taken).sum()), runs)}")
    others = (
        ("sequential, 50/50, first hour", rules.sequential, few),
        ("Kayenta-like, 50/50, first hour", rules.kayenta_like, few // 2),
        ("Argo-like, 50/50, first hour", rules.argo_like, few),
        ("Flagger-like, 50/50", rules.flagger_like, few),
    )
    for name, rule, count in others:
        taken = play(rule, Situation(1), count, seed=3, minutes=HOUR)
        print(f"  {name:<34}{chance(int(np.isfinite(taken).sum()), count)}")


def promotion(runs: int) -> None:
    print("\nPromotion by evidence (margin 1.5)")
    for share, split in ((0.5, "50/50"), (0.1, "10/90")):
        taken = play(rules.promotes, Situation(1.5, share), runs, seed=4)
        print(
            f"  {f'1.5 times as bad, {split}, 500 events':<38}{chance(int(np.isfinite(taken).sum()), runs)}"
        )
    taken = play(rules.promotes, Situation(1), runs, seed=5)
    print(f"  {'alike, 50/50: candidate requests':<38}median {quantity(float(np.median(taken)))}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.judge", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="rollouts for each figure (default 4000)")
    runs = max(100, parser.parse_args().runs)
    begun = time.perf_counter()
    check_against_the_judge()
    few = max(100, runs // 4)
    detection(runs, few)
    false_fails(10 * runs // 2, few)
    promotion(2 * runs)
    print(f"\n{runs} runs, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
