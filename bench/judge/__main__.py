"""`python -m bench.judge`: how soon each judge finds a bad release, and how often it fails a good one.

Base error rate 1 %, 60 requests a minute and arm at 50/50 (120 over both arms at 10/90); alpha = beta = 0.01,
margin 1.5. All judges read the same requests: drawn once for each situation, from a seed.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.judge import rules
from bench.judge.rules import BY_MINUTE, KAYENTA_RUNS, SEQUENTIAL, THREE_HOURS, Contender, Rule
from bench.judge.stats import upper_bound
from bench.judge.traffic import (
    QUIET,
    SHARED,
    Drift,
    Numbers,
    Situation,
    Traffic,
    World,
    requests,
    streams,
)

SPLITS = ((0.5, "50/50"), (0.1, "10/90"))
TARGETS = {0.5: (3300, 1000, 350, 120), 0.1: (1800, 560, 200, 70)}
# Minutes that are played: several times what the judge needs, so that who finds nothing then finds nothing.
MINUTES = {
    0.5: {2: 360, 3: 180, 5: 90, 10: 60},
    0.1: {2: 900, 3: 420, 5: 180, 10: 90},
}
SIX_HOURS = 360
MOST_AT_ONCE = 6_000_000  # requests drawn at a time
WORLDS: dict[str, World] = {
    "independent": QUIET,
    "both arms drift together": SHARED,
    "each arm drifts, 20 %": World(own=Drift(sd=0.2)),
    "each arm drifts, 35 %": World(own=Drift(sd=0.35)),
    "each arm drifts, 50 %": World(own=Drift(sd=0.5)),
}


@dataclass(frozen=True)
class Play:
    """Rollouts of one situation, in batches from one seed."""

    situation: Situation
    runs: int
    minutes: int
    seed: int

    def batches(self) -> Iterator[tuple[Traffic, Traffic]]:
        """The same requests with a look after every bad one, and with a look each minute."""
        what = self.situation
        noise = np.random.default_rng([self.seed, round(what.ratio * 10), round(what.share * 10)])
        for size in sizes(self.runs, MOST_AT_ONCE // (self.minutes * what.per_minute)):
            drawn = requests(noise, what, size, self.minutes)
            yield drawn.by_event(), drawn.by_minute()

    def taken(self, contenders: Sequence[Contender]) -> list[Numbers]:
        """Candidate requests until each contender fails it, by run; infinite where it never does."""
        parts: list[list[Numbers]] = [[] for _ in contenders]
        done = 0
        for by_event, by_minute in self.batches():
            for each, part in zip(contenders, parts, strict=True):
                traffic = each.of(by_event if each.is_by_event else by_minute, done)
                if len(traffic.candidate):
                    part.append(until(each.rule, traffic))
            done += len(by_minute.candidate)
        return [np.concatenate(part) for part in parts]


def sizes(runs: int, most: int) -> Iterator[int]:
    while runs > 0:
        yield min(runs, max(1, most))
        runs -= max(1, most)


def until(rule: Rule, traffic: Traffic) -> Numbers:
    """Candidate requests until the rule decides, by run."""
    decided = rule(traffic)
    seen = np.cumsum(traffic.candidate, axis=1)
    first = decided.argmax(axis=1)
    return np.where(decided.any(axis=1), seen[np.arange(len(seen)), first], np.inf)


def chance(hits: int, runs: int) -> str:
    return f"{hits / runs:.2%} (<= {upper_bound(hits, runs):.2%})"


def quantity(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:,.0f}"


def cell(taken: Numbers) -> str:
    """Median and mean; where runs were missed, how many, and no mean."""
    missed = float(np.isinf(taken).mean())
    if missed < 0.005:
        return f"{quantity(float(np.median(taken)))} ({taken[np.isfinite(taken)].mean():,.0f})"
    return f"{quantity(float(np.median(taken)))}, misses {missed:.0%}"


def row(name: str, cells: Sequence[str], width: int = 21) -> None:
    print(f"  {name:<31}" + "".join(f"{each:>{width}}" for each in cells), flush=True)


def label(each: Contender, split: str) -> str:
    return each.name if "(" in each.name else f"{each.name}, {split}"


def detection(runs: int) -> None:
    print("Candidate requests until a release with more errors is failed: median (mean)")
    row("", [f"1 % -> {ratio} %" for ratio in MINUTES[0.5]])
    for share, split in SPLITS:
        cells: dict[str, list[str]] = {f"target, {split}": [f"{each:,}" for each in TARGETS[share]]}
        contenders = (SEQUENTIAL, *(BY_MINUTE if share == 0.5 else BY_MINUTE[:2]))
        for ratio, minutes in MINUTES[share].items():
            found = Play(Situation(ratio, share), runs, minutes, seed=1)
            for each, taken in zip(contenders, found.taken(contenders), strict=True):
                cells.setdefault(label(each, split), []).append(cell(taken))
        for name, columns in cells.items():
            row(name, columns)


def false_fails(runs: int) -> None:
    print(f"\nHarmless releases failed, of {runs:,} (1 % against 1 %; upper Clopper-Pearson bound, 95 %)")
    row("", ["first hour", "3 hours", "6 hours"])
    for share, split in SPLITS:
        contenders = (SEQUENTIAL, *(BY_MINUTE if share == 0.5 else BY_MINUTE[:2]))
        play = Play(Situation(1, share), runs, SIX_HOURS, seed=2)
        horizon = [60 * share * 120, THREE_HOURS * share * 120, math.inf]
        for each, taken in zip(contenders, play.taken(contenders), strict=True):
            hits = [int(((taken <= most) & np.isfinite(taken)).sum()) for most in horizon]
            cells = [chance(each_hits, len(taken)) for each_hits in hits]
            row(label(each, split), [*cells[:2], "-"] if each.most_minutes else cells)


def promotion(runs: int) -> None:
    print(f"\nPromoted by evidence (margin 1.5), of {runs:,}")
    promotes = Contender("promotes", rules.promotes, is_by_event=True)
    for share, split in SPLITS:
        (taken,) = Play(Situation(1.5, share), runs, SIX_HOURS, seed=4).taken([promotes])
        row(f"1.5 times as bad, {split}, 6 hours", [chance(int(np.isfinite(taken).sum()), runs)])
    (taken,) = Play(Situation(1), max(100, runs // 10), 900, seed=5).taken([promotes])
    row("alike, 50/50: candidate requests", [f"median {quantity(float(np.median(taken)))}"])


def noise(runs: int) -> None:
    print(f"\nHarmless releases failed within 6 hours where rates vary, of {runs:,}; AR(1) of 0.9 a minute")
    print(f"(mann-whitney takes long: everywhere {KAYENTA_RUNS} within 3 hours, here a fifth of them)")
    row("looks each minute", list(WORLDS), width=26)
    columns = []
    for number, world in enumerate(WORLDS.values()):
        drawn = np.random.default_rng([6, number])
        parts: list[list[bool]] = [[] for _ in BY_MINUTE]
        for size in sizes(runs, 500):
            traffic = streams(drawn, Situation(1), size, SIX_HOURS, world)
            for each, part in zip(BY_MINUTE, parts, strict=True):
                few = replace(each, most_runs=KAYENTA_RUNS // 5) if each.most_minutes else each
                part.extend(each.rule(few.of(traffic, len(part))).any(axis=1).tolist())
        columns.append([chance(sum(part), len(part)) for part in parts])
    for i, each in enumerate(BY_MINUTE):
        row(each.name, [column[i] for column in columns], width=26)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.judge", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="harmless rollouts (default 10,000)")
    parser.add_argument("--quick", action="store_true", help="a twentieth of them, for a first look")
    asked = parser.parse_args()
    runs = max(200, asked.runs // 20 if asked.quick else asked.runs)
    begun = time.perf_counter()
    detection(max(200, runs * 4 // 5))
    false_fails(runs)
    promotion(runs)
    noise(max(200, runs // 5))
    print(f"\n{runs:,} runs, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
