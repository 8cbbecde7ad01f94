"""Lines of the table, and the sums behind them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.gateway.load import Tally


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
    requests: int  # with one kill among them
    deaths: int
    kills: int
    crashes: int
    services: tuple[int, ...]
    stream_seconds: int
    rounds: int
    round_seconds: float
    connections: int = 8


QUICK = Size(
    changes=40,
    switches=200,
    between=40,
    requests=4000,
    deaths=20,
    kills=2,
    crashes=2,
    services=(1, 10),
    stream_seconds=3,
    rounds=10,
    round_seconds=0.4,
)
FULL = Size(
    changes=200,
    switches=1000,
    between=200,
    requests=10_000,
    deaths=300,
    kills=5,
    crashes=10,
    services=(1, 10, 100),
    stream_seconds=30,
    rounds=60,
    round_seconds=0.4,
)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def in_ms(values: Sequence[float]) -> str:
    """p50, p95 and p99 of seconds."""
    return " / ".join(f"{quantile(values, part) * 1000:.1f}" for part in (0.5, 0.95, 0.99)) + " ms"


def none_failed(what: str, tally: Tally) -> Figure:
    """The line of a measurement in which no request may fail."""
    said = f"{tally.failed} {tally.first_failure}".strip()
    return Figure(f"failed of {tally.sent:,} requests, {what}", said, "0", tally.failed == 0)


async def settle(tally: Tally, more: int) -> None:
    """Wait for `more` answers."""
    enough = tally.sent + more
    async with asyncio.timeout(120):
        while tally.sent < enough:
            await asyncio.sleep(0.002)
