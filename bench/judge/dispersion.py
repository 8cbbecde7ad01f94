"""`python -m bench.judge.dispersion`: the judge where noise is correlated within one arm.

Each plant has a history of its own, from which its noise is measured, and rollouts after it. Compared are the
judge that takes requests for independent, the one that is told the noise, the one that measured it, and ways
that were not taken. 60 requests a minute in each arm, looks each minute, two hours.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import numpy.typing as npt

from andon.judge import blocks, counts, dispersion
from andon.judge.mixture import Atom
from andon.judge.model import INDEPENDENT, Counts, JudgePolicy, Look, MetricPolicy, Noise
from andon.judge.sequential import start, update
from bench.judge import traffic
from bench.judge.stats import upper_bound
from bench.judge.traffic import Drift, Numbers, Situation, Traffic, World

HOURS = 2
MINUTES = 60 * HOURS
ALPHA = 0.01
MARGIN = 1.5
PLANTS_OF_A_KIND = 40


# --- the judge as arrays ------------------------------------------------------------------------------------


def log_e_harm(played: Traffic, noise: Noise, minutes: float = 1.0) -> Numbers:
    """Log of the e-value of harm after each look, widened as `andon.judge.blocks` does.

    minutes: between two looks.
    """
    return _log_e(played, noise, minutes, ([0.0, *(a.at for a in counts.HARM)], counts.HARM))


def log_e_safe(played: Traffic, noise: Noise, margin: float, minutes: float = 1.0) -> Numbers:
    """Log of the e-value of promotion after each look."""
    points = counts.at_margin(counts.GRID, margin) if noise.wander else counts.margin_points(margin)
    return _log_e(played, noise, minutes, (points, counts.SAFE))


def _log_e(
    played: Traffic, noise: Noise, minutes: float, test: tuple[Sequence[float], Sequence[Atom]]
) -> Numbers:
    """Compare alternatives with a hypothesis. test: its log ratio and theirs, and their weights."""
    where, atoms = test
    weights = np.log([a.weight for a in atoms])
    points, kernel = np.array(where), np.eye(len(where))
    if noise.wander:
        points, kernel = _averaging([round(each / counts.STEP) for each in where], noise.wander)
    part = played.candidate / np.maximum(played.stable + played.candidate, 1)
    bad = played.bad_stable + played.bad_candidate
    closed, still_open = np.zeros((len(bad), len(where))), np.zeros((len(bad), len(points)))
    since, made = 0, np.empty(bad.shape)
    together = closed
    for look in range(bad.shape[1]):
        if noise.wander and (look - since) * minutes * 60.0 >= noise.lasts_s:
            closed, since, still_open = together, look, np.zeros_like(still_open)
        mine, w = played.bad_candidate[:, look, None], part[:, look, None]
        gained = mine * points - bad[:, look, None] * np.log1p(w * np.expm1(points))
        still_open = still_open + gained / noise.dispersion
        together = closed + _averaged(still_open, kernel)
        made[:, look] = np.logaddexp.reduce(together[:, 1:] - together[:, :1] + weights, axis=1)
    return made


def _averaging(steps: Sequence[int], wander: float) -> tuple[Numbers, Numbers]:
    """Points of the grid that averaging around these needs, and the weights of each point for each."""
    far = blocks.reach(wander)
    first = min(steps) - far
    near = np.exp(-0.5 * (np.arange(-far, far + 1) * counts.STEP / wander) ** 2)
    kernel = np.zeros((max(steps) + far + 1 - first, len(steps)))
    for column, step in enumerate(steps):
        kernel[step - far - first : step + far + 1 - first, column] = near / near.sum()
    return (first + np.arange(len(kernel))) * counts.STEP, kernel


def _averaged(still_open: Numbers, kernel: Numbers) -> Numbers:
    top = still_open.max(axis=1, keepdims=True)
    lowest = np.finfo(float).tiny  # far below everything that matters
    averaged: Numbers = top + np.log(np.exp(still_open - top) @ kernel + lowest)
    return averaged


def check_against_the_judge(noise: Noise) -> None:
    """Show that the arrays played here are the real judge, look by look."""
    played = traffic.streams(np.random.default_rng(3), Situation(2.0), 2, 60, traffic.SICK)
    policy = JudgePolicy((MetricPolicy("errors", alpha=ALPHA, margin=MARGIN, noise=noise),))
    harm, safe = log_e_harm(played, noise), log_e_safe(played, noise, MARGIN)
    for run in range(2):
        state = start(policy)
        for i in range(60):
            state = update(state, {"errors": look_at(played, run, i)}, policy, 60.0 * i)
        seen = state.metrics["errors"]
        for found, expected in ((seen.max_log_e_harm, harm), (seen.max_log_e_safe, safe)):
            if not math.isclose(found, max(0.0, float(expected[run].max())), abs_tol=1e-9):
                raise SystemExit("the arrays differ from andon.judge: the figures would mean nothing")


def look_at(played: Traffic, run: int, i: int) -> Look:
    """One look as the judge takes it."""
    return Look(
        Counts(int(played.stable[run, i]), int(played.bad_stable[run, i])),
        Counts(int(played.candidate[run, i]), int(played.bad_candidate[run, i])),
    )


# --- plants and their histories -----------------------------------------------------------------------------

Play = Callable[[np.random.Generator, Situation, int, int], Traffic]


@dataclass(frozen=True)
class Plant:
    """A kind of plant: its base rate, and what varies in it beside chance.

    known: its noise as somebody would state it who knows it; None where no such number exists.
    """

    name: str
    world: World
    base: float = 0.01
    known: Noise | None = None
    bursts: bool = False

    def play(self, noise: np.random.Generator, ratio: float, runs: int, minutes: int) -> Traffic:
        """Draw rollouts in which the candidate has `ratio` times the stable's rate."""
        situation = Situation(ratio, base=self.base)
        if self.bursts:
            return _with_bursts(noise, situation, runs, minutes)
        return traffic.streams(noise, situation, runs, minutes, self.world)


def _known(sd: float, phi: float) -> Noise:
    """AR(1) noise of both arms as one random effect: blocks of twice the time in which it fades."""
    return Noise(1.0, sd * math.sqrt(2), 60.0 * round((1 + phi) / (1 - phi)))


def _own(base: float, sd: float, phi: float) -> Plant:
    name = f"AR(1) {phi:g}, sd {sd:g}, {base:.0%}"
    return Plant(name, World(own=Drift(sd, phi)), base, _known(sd, phi))


PLANTS = (
    Plant("independent, 1%", World(), known=INDEPENDENT),
    _own(0.01, 0.99, 0.5),
    _own(0.01, 0.54, 0.9),
    _own(0.01, 0.99, 0.9),
    _own(0.01, 0.54, 0.99),
    _own(0.05, 0.25, 0.9),
    _own(0.05, 0.7, 0.9),
    _own(0.05, 0.25, 0.99),
    Plant("4 instances, sd 0.5, 1%", World(instances=4, instance=0.5)),
    Plant("shared by both arms, 1%", traffic.SHARED),
    Plant("bursts, 1%", World(), bursts=True),
)


def _with_bursts(noise: np.random.Generator, situation: Situation, runs: int, minutes: int) -> Traffic:
    """Once in an hour an arm has eight times its rate for three minutes."""
    parts: list[npt.NDArray[np.float64]] = []
    each = situation.per_minute // 2
    for ratio in (1.0, situation.ratio):
        begins = noise.random((runs, minutes + 2)) < 1 / 60
        burst = begins[:, 2:] | begins[:, 1:-1] | begins[:, :-2]
        rate = np.where(burst, 8.0, 1.0) / (1.0 + 7.0 * (1 - (1 - 1 / 60) ** 3))
        bad = noise.binomial(each, np.minimum(1.0, situation.base * ratio * rate))
        parts += [np.full((runs, minutes), float(each)), bad.astype(np.float64)]
    return Traffic(parts[0], parts[2], parts[1], parts[3])


@dataclass(frozen=True)
class History:
    """How much a plant remembers: days of the stable release alone, and good rollouts of an hour."""

    name: str
    days: int
    rollouts: int


HISTORIES = (
    History("measured, 1 day", 1, 0),
    History("measured, 7 days", 7, 0),
    History("measured, 7 days, 20 rollouts", 7, 20),
)


def measured(noise: np.random.Generator, plant: Plant, history: History) -> Noise:
    """The noise that `andon.judge.dispersion` finds in one such history of the plant."""
    past = plant.play(noise, 1.0, 1, history.days * traffic.DAY)
    alone = [Counts(int(n), int(x)) for n, x in zip(past.stable[0], past.bad_stable[0], strict=True)]
    beside = []
    if history.rollouts:
        former = plant.play(noise, 1.0, history.rollouts, 60)
        beside = [[look_at(former, run, i) for i in range(60)] for run in range(history.rollouts)]
    return dispersion.measure([alone], beside) or dispersion.SUPPOSED


# --- ways ---------------------------------------------------------------------------------------------------

Rule = Callable[[Traffic], npt.NDArray[np.bool_]]


def widened(noise: Noise) -> Rule:
    """The judge with this noise."""
    return lambda played: log_e_harm(played, noise) >= -math.log(ALPHA)


def signs(block: int) -> Rule:
    """Bet on which arm has the higher rate in a block of minutes: needs no estimate, only like blocks."""

    def rule(played: Traffic) -> npt.NDArray[np.bool_]:
        ends = np.arange(block - 1, played.stable.shape[1], block)
        sums = [
            np.diff(np.cumsum(each, axis=1)[:, ends], axis=1, prepend=0)
            for each in (played.bad_candidate, played.candidate, played.bad_stable, played.stable)
        ]
        sign = np.sign(sums[0] / np.maximum(sums[1], 1) - sums[2] / np.maximum(sums[3], 1))
        bets = (np.cumsum(np.log1p(b * sign), axis=1) + math.log(0.2) for b in (0.1, 0.3, 0.5, 0.7, 0.9))
        decided = np.zeros(played.stable.shape, dtype=bool)
        decided[:, ends] = reduce(np.logaddexp, bets) >= -math.log(ALPHA)
        return decided

    return rule


def calibrated(noise: np.random.Generator, plant: Plant) -> Rule:
    """The plain judge, its boundary raised until like releases stay below it for two hours (an oracle)."""
    highest = log_e_harm(plant.play(noise, 1.0, 4000, MINUTES), INDEPENDENT).max(axis=1)
    boundary = max(-math.log(ALPHA), float(np.quantile(highest, 1 - ALPHA)))
    return lambda played: log_e_harm(played, INDEPENDENT) >= boundary


def long_run(plant: Plant) -> Noise:
    """All of the noise as dispersion: what independent events would have to be multiplied by for ever."""
    own = plant.world.own
    per_minute = plant.base * 60 * (math.exp(own.sd**2) - 1)
    return Noise(1.0 + per_minute * (1 + own.phi) / (1 - own.phi))


# --- figures ------------------------------------------------------------------------------------------------


def requests_until(decided: npt.NDArray[np.bool_], played: Traffic) -> Numbers:
    """Candidate requests until a rule fails it; infinite where it does not."""
    seen = np.cumsum(played.candidate, axis=1)
    return np.where(decided.any(axis=1), seen[np.arange(len(seen)), decided.argmax(axis=1)], np.inf)


def taken(plant: Plant, ratio: float, share: "Share", rules_of: Callable[[int], Rule]) -> Numbers:
    """Candidate requests until failed, over so many plants of this kind with so many rollouts each."""
    parts = []
    for number in range(share.plants):
        noise = np.random.default_rng([1, number, round(10 * ratio)])
        played = plant.play(noise, ratio, share.rollouts, MINUTES if ratio == 1.0 else 2 * MINUTES)
        parts.append(requests_until(rules_of(number)(played), played))
    return np.concatenate(parts)


@dataclass(frozen=True)
class Share:
    """So many plants, each with a history of its own, and so many rollouts of each."""

    plants: int
    rollouts: int


def ways(plant: Plant, plants: int) -> Iterator[tuple[str, Callable[[int], Rule]]]:
    """Every way for a plant, as a rule by the number of the plant."""
    yield "as if independent", lambda _: widened(INDEPENDENT)
    for history in HISTORIES:
        found = [measured(np.random.default_rng([7, number]), plant, history) for number in range(plants)]
        yield history.name, partial(_of, found)
    yield "no history: evidence counts half", lambda _: widened(dispersion.SUPPOSED)
    if plant.known == INDEPENDENT:
        return
    if plant.known is not None:
        known = plant.known
        yield "known: blocks", lambda _: widened(known)
        yield "known: long-run dispersion", lambda _: widened(long_run(plant))
        yield "signs of blocks", lambda _: signs(max(1, round(known.lasts_s / 60)))
    raised = calibrated(np.random.default_rng(9), plant)
    yield "known: boundary raised", lambda _: raised


def _of(found: list[Noise], number: int) -> Rule:
    return widened(found[number % len(found)])


def line(plant: Plant, name: str, rules_of: Callable[[int], Rule], share: Share) -> str:
    """False fails with their 95 % bound, then medians."""
    harmless = taken(plant, 1.0, share, rules_of)
    hits, count = int(np.isfinite(harmless).sum()), len(harmless)
    few = Share(share.plants, max(4, share.rollouts // 10))
    cells = (_middle(taken(plant, ratio, few, rules_of)) for ratio in (2.0, 3.0, 5.0, 10.0))
    said = f"{hits / count:7.2%} (<= {upper_bound(hits, count):6.2%})"
    return f"  {name:<34}{said}" + "".join(f"{cell:>13}" for cell in cells)


def _middle(until: Numbers) -> str:
    middle = float(np.median(until))
    return f"misses {np.isinf(until).mean():.0%}" if math.isinf(middle) else f"{middle:,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.judge.dispersion", description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000, help="harmless rollouts of each kind of plant")
    parser.add_argument("--plant", default="", help="only plants whose name begins so")
    arguments = parser.parse_args()
    share = Share(PLANTS_OF_A_KIND, max(10, arguments.runs // PLANTS_OF_A_KIND))
    begun = time.perf_counter()
    for noise in (INDEPENDENT, Noise(1.7), Noise(1.3, 0.5, 600.0)):
        check_against_the_judge(noise)
    print("Harmless rollouts failed within 2 hours; candidate requests until 2, 3, 5, 10 times are failed")
    for plant in PLANTS:
        if not plant.name.startswith(arguments.plant):
            continue
        print(plant.name)
        for name, rules_of in ways(plant, share.plants):
            print(line(plant, name, rules_of, share), flush=True)
    print(f"\n{share.plants} plants, {share.rollouts} rollouts each, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
