"""Our configuration beside one that was written by hand, in turns, with the same releases behind both."""

import asyncio
import contextlib
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from andon.gateway.model import Features, Limit
from bench.gateway.figures import Figure, Size, settle
from bench.gateway.load import Load
from bench.gateway.rig import Rig, by_hand, rig

FEATURES = Features(
    limit=Limit(requests=1_000_000_000),
    compress_above=1000,
    allow_origins=("https://board.plant.local",),
)


@dataclass(frozen=True, slots=True)
class Side:
    """An Envoy and its port."""

    pid: int
    port: int


async def cost(made: Rig, size: Size) -> list[Figure]:
    """Plain, and with rate limit, compression and CORS on: each beside its twin."""
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        folder = Path(name)
        places = (made.stable.port, made.candidate.port)
        async with contextlib.AsyncExitStack() as stack:
            featured = await stack.enter_async_context(rig(folder, features=FEATURES))
            hand = await stack.enter_async_context(by_hand(folder / "plain", "by_hand.json", places))
            hand_featured = await stack.enter_async_context(
                by_hand(folder / "featured", "by_hand_features.json", places)
            )
            await made.share(500)
            await featured.share(500)
            sides = {
                "ours": Side(made.pid(), made.port),
                "hand": Side(hand.pid, hand.port),
                "ours, featured": Side(featured.pid(), featured.port),
                "hand, featured": Side(hand_featured.pid, hand_featured.port),
            }
            return _figures(await _in_turns(sides, size))


async def _in_turns(sides: dict[str, Side], size: Size) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for each in range(size.rounds + 1):
        for name in list(sides) if each % 2 else reversed(list(sides)):
            measured = await _one_round(sides[name], size)
            if each:  # the first round warms up
                found[name].append(measured)
    return found


def _figures(found: dict[str, list[tuple[float, float]]]) -> list[Figure]:
    """Over the less disturbed half of the rounds of each side: the machine may be shared."""
    made = []
    for ours, hand, what in (("ours", "hand", ""), ("ours, featured", "hand, featured", ", features on")):
        rates = [
            _mean_of_half(sorted((rate for rate, _ in found[side]), reverse=True)) for side in (ours, hand)
        ]
        costs = [_mean_of_half(sorted(cost for _, cost in found[side])) * 1e6 for side in (ours, hand)]
        ratio = rates[0] / rates[1]
        made += [
            Figure(f"requests/s, ours and by hand{what}", f"{rates[0]:,.0f} and {rates[1]:,.0f}"),
            Figure(f"throughput, ours to by hand{what}", f"{ratio:.3f}", ">= 0.95", ratio >= 0.95),
            Figure(
                f"Envoy's CPU per request, ours and by hand{what}",
                f"{costs[0]:.0f} and {costs[1]:.0f} us; ratio {costs[0] / costs[1]:.2f}",
            ),
        ]
    return made


def _mean_of_half(best_first: list[float]) -> float:
    return statistics.mean(best_first[: (len(best_first) + 1) // 2])


async def _one_round(side: Side, size: Size) -> tuple[float, float]:
    """Requests a second, and Envoy's CPU seconds a request."""
    async with Load(side.port, size.connections) as tally:
        await settle(tally, 50)
        before, cpu, started = tally.sent, cpu_seconds(side.pid), time.perf_counter()
        await asyncio.sleep(size.round_seconds)
        count, seconds = tally.sent - before, time.perf_counter() - started
        used = cpu_seconds(side.pid) - cpu
    assert tally.failed == 0, tally.first_failure
    return count / seconds, used / count


def cpu_seconds(pid: int) -> float:
    """Time that the threads of a process were on a processor, by the scheduler's own nanoseconds."""
    threads = Path(f"/proc/{pid}/task")
    spent = ((each / "schedstat").read_text().split()[0] for each in threads.iterdir())
    return sum(map(int, spent)) / 1e9
