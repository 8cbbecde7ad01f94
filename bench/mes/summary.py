"""How long the summary of today takes over a short past and over a long one.

The day is the same in both, ten thousand attempts: what is asked for is today, and what may not matter is how
much was ever made. `--one-day` is the other way to read the figure: all attempts in one day.
"""

import argparse
import contextlib
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
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--one-day", action="store_true", help="all attempts within one production day")


def main(arguments: argparse.Namespace) -> None:
    print(_HEAD)
    for kind in arguments.databases:
        with contextlib.ExitStack() as opened:
            found = []
            for attempts in arguments.attempts:
                engine = opened.enter_context(past.database(kind))
                a_day = attempts if arguments.one_day else 10_000
                past.fill(engine, attempts, a_day=a_day, models=arguments.models)
                found.append(Seen(attempts, opened.enter_context(engine.connect())))
            for _ in range(arguments.repeats):  # in turns, so that a busy machine is equally busy for all
                for each in found:
                    each.look()
            least = statistics.median(found[0].summaries)
            for each in found:
                print(f"{kind:<12}{each.line(least)}", flush=True)


class Seen:
    """One database, and how long each look took."""

    def __init__(self, attempts: int, connection: sa.Connection) -> None:
        self.attempts = attempts
        self.summaries: list[float] = []
        self.floors: list[float] = []
        self._connection = connection
        seen = controller.summary(connection, _CALENDAR, past.NOW)
        self._today = sum(each.tally.processed for each in seen.processes)

    def look(self) -> None:
        """The summary and the floor, once each."""
        self.summaries.append(_timed(lambda: controller.summary(self._connection, _CALENDAR, past.NOW)))
        self.floors.append(_timed(lambda: controller.floor(self._connection, _CALENDAR, past.NOW)))

    def line(self, least: float) -> str:
        """A line of the table; the ratio is to the median `least`."""
        middle, late = statistics.median(self.summaries), statistics.quantiles(self.summaries, n=20)[-1]
        return (
            f"{self.attempts:>12,}{self._today:>10,}{middle * 1000:>11.1f} ms{late * 1000:>7.1f} ms"
            f"{statistics.median(self.floors) * 1000:>9.1f} ms{middle / least:>8.2f}"
        )


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
