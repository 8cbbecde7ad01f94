"""How long the summary of today takes over a short past and over a long one.

The day is the same in both, ten thousand attempts: what is asked for is today, and what may not matter is how
much was ever made. `--one-day` is the other way to read the figure: all attempts in one day.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import time as clock
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from andon_mes.numbers.calendar import plain_calendar
from andon_mes.reports import controller

from bench.mes import past

_HEAD = "database        attempts     today   summary p50       p95   floor p50   ratio"
_CALENDAR = plain_calendar(ZoneInfo("Asia/Seoul"), clock(8), clock(20))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--attempts", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--models", type=int, default=1, help="product models among the lots")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--one-day", action="store_true", help="all attempts within one production day")


def main(arguments: argparse.Namespace) -> None:
    print(_HEAD)
    for kind in arguments.databases:
        least = None
        for attempts in arguments.attempts:
            with past.database(kind) as engine:
                a_day = attempts if arguments.one_day else 10_000
                past.fill(engine, attempts, a_day=a_day, models=arguments.models)
                today, summary, floor = measure(engine, arguments.repeats)
            middle = statistics.median(summary)
            least = least or middle
            late = sorted(summary)[int(len(summary) * 0.95)]
            print(
                f"{kind:<12}{attempts:>12,}{today:>10,}{middle * 1000:>11.1f} ms{late * 1000:>7.1f} ms"
                f"{statistics.median(floor) * 1000:>9.1f} ms{middle / least:>8.2f}",
                flush=True,
            )


def measure(engine: sa.Engine, repeats: int) -> tuple[int, list[float], list[float]]:
    with engine.connect() as connection:
        seen = controller.summary(connection, _CALENDAR, past.NOW)
        times = [_timed(lambda: controller.summary(connection, _CALENDAR, past.NOW)) for _ in range(repeats)]
        floors = [_timed(lambda: controller.floor(connection, _CALENDAR, past.NOW)) for _ in range(repeats)]
    return sum(each.tally.processed for each in seen.processes), times, floors


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
