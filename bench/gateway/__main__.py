"""`python -m bench.gateway [--quick]`: the gateway's figures beside their bars; exit 1 if one is missed."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.load import Load, Tally
from bench.gateway.rig import CANDIDATE, ByHand, Instance, Rig, by_hand, cpu_seconds, rig


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `is_met` None: measured, without a bar."""

    what: str
    value: str
    bar: str = ""
    is_met: bool | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    changes: int
    switches: int
    between: int  # requests between two switches
    rounds: int
    round_seconds: float
    connections: int = 8


QUICK = Size(changes=40, switches=200, between=40, rounds=5, round_seconds=0.6)
FULL = Size(changes=200, switches=200, between=1000, rounds=15, round_seconds=1.0)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def in_ms(values: Sequence[float]) -> str:
    """p50, p95 and p99 of seconds."""
    return " / ".join(f"{quantile(values, part) * 1000:.1f}" for part in (0.5, 0.95, 0.99)) + " ms"


async def settle(tally: Tally, more: int) -> None:
    """Wait for `more` answers."""
    enough = tally.sent + more
    async with asyncio.timeout(60):
        while tally.sent < enough:
            await asyncio.sleep(0.002)


async def weight_changes(made: Rig, size: Size) -> list[Figure]:
    """From the decision to Envoy's word, with light traffic and without."""
    took = []
    await made.share(0)
    for each in range(size.changes):
        started = time.perf_counter()
        await made.share((each % 10) * 100 + 1)
        took.append(time.perf_counter() - started)
    p95 = quantile(took, 0.95)
    return [
        Figure("weight change to acknowledged, idle (p50/p95/p99)", in_ms(took), "p95 <= 100 ms", p95 <= 0.1)
    ]


async def switches_under_load(made: Rig, size: Size) -> list[Figure]:
    """Blue to green and back while requests come without pause."""
    acknowledged, effect, failed, sent = [], [], 0, 0
    await made.share(0)
    async with Load(made.port, size.connections) as tally:
        for each in range(size.switches):
            leaving = b"stable" if each % 2 == 0 else b"candidate"
            started = time.perf_counter()
            await made.share(1000 if each % 2 == 0 else 0)
            acknowledged.append(time.perf_counter() - started)
            await settle(tally, size.between)
            # The last answer of the release that was left comes after its last request: an upper bound.
            effect.append(max(0.0, tally.last.get(leaving, started) - started))
    failed, sent = tally.failed, tally.sent
    p99 = quantile(effect, 0.99)
    return [
        Figure("weight change to acknowledged, under load", in_ms(acknowledged)),
        Figure("decision to no new request", in_ms(effect), "p99 <= 1000 ms", p99 <= 1),
        Figure(
            f"failed of {sent:,} requests over {size.switches} switches",
            f"{failed} {tally.first_failure}".strip(),
            "0",
            failed == 0,
        ),
    ]


async def killed_candidate(made: Rig, size: Size) -> list[Figure]:
    """kill -9 of the candidate's only instance at half of the traffic; then to share 0 by its counts."""
    await made.share(500)
    scraper = made.scraper()
    async with Load(made.port, size.connections) as tally:
        await settle(tally, 2000)
        await made.candidate.kill()
        died = time.perf_counter()
        for _ in range(100):
            counts = {key[2]: each for key, each in (await scraper.scrape()).releases.items()}
            if counts[CANDIDATE].errors >= 5:
                break
            await asyncio.sleep(0.1)
        noticed = time.perf_counter() - died
        await made.share(0)
        returned = time.perf_counter() - died
        await settle(tally, 8000)
    made.candidate = await Instance.start("candidate")
    return [
        Figure(
            f"failed of {tally.sent:,} requests, candidate killed", str(tally.failed), "0", tally.failed == 0
        ),
        Figure("its 5th error seen, scraping each 100 ms", f"{noticed * 1000:.0f} ms"),
        Figure("death to share 0 acknowledged", f"{returned * 1000:.0f} ms", "<= 500 ms", returned <= 0.5),
    ]


async def throughput(made: Rig, size: Size, folder: Path) -> list[Figure]:
    """Ours and the one by hand in turn, so that what else the machine does meets both alike."""
    await made.share(500)
    running = made.envoy.find_running()
    assert running is not None
    rates: dict[str, list[float]] = {"ours": [], "hand": []}
    costs: dict[str, list[float]] = {"ours": [], "hand": []}
    async with by_hand(folder, made.stable.port, made.candidate.port) as hand:
        sides = {"ours": ByHand(running.pid, made.port), "hand": hand}
        for each in range(size.rounds + 1):
            for name in ("ours", "hand") if each % 2 else ("hand", "ours"):
                rate, cost = await _one_round(sides[name], size)
                if each:  # the first round warms up
                    rates[name].append(rate)
                    costs[name].append(cost)
    ratios = [ours / other for ours, other in zip(rates["ours"], rates["hand"], strict=True)]
    ratio = statistics.median(ratios)
    cpu = {name: min(each) * 1e6 for name, each in costs.items()}  # the least disturbed round
    median = {name: statistics.median(each) for name, each in rates.items()}
    return [
        Figure("requests/s, ours and by hand", f"{median['ours']:,.0f} and {median['hand']:,.0f}"),
        Figure("throughput, ours to by hand (median of rounds)", f"{ratio:.3f}", ">= 0.95", ratio >= 0.95),
        Figure(
            "Envoy's CPU per request, ours and by hand (least)", f"{cpu['ours']:.0f} and {cpu['hand']:.0f} us"
        ),
    ]


async def _one_round(side: ByHand, size: Size) -> tuple[float, float]:
    """Requests a second, and Envoy's CPU seconds a request."""
    async with Load(side.port, size.connections) as tally:
        await settle(tally, 50)
        before, cpu, started = tally.sent, cpu_seconds(side.pid), time.perf_counter()
        await asyncio.sleep(size.round_seconds)
        count, seconds = tally.sent - before, time.perf_counter() - started
        used = cpu_seconds(side.pid) - cpu
    return count / seconds, used / count


async def measure(size: Size) -> list[Figure]:
    """All figures, one after another on one rig."""
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        folder = Path(name)
        async with rig(folder) as made:
            figures = await weight_changes(made, size)
            figures += await switches_under_load(made, size)
            figures += await throughput(made, size, folder)
            figures += await killed_candidate(made, size)
    return figures


def main() -> int:
    """Measure, print, say whether every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer changes and rounds")
    size = QUICK if parser.parse_args().quick else FULL
    figures = asyncio.run(measure(size))
    width = max(len(each.what) for each in figures)
    for each in figures:
        verdict = "" if each.is_met is None else ("met" if each.is_met else "MISSED")
        print(f"{each.what:<{width}}  {each.value:<28} {each.bar:<16} {verdict}".rstrip())
    return 0 if all(each.is_met is not False for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
