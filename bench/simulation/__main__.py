"""`python -m bench.simulation`: simulated rollouts per minute, and how they end by fault and by release.

--stories N or --minutes M; --first SEED; --processes P. Ends with 1 where a promise was broken, and names the
seeds: `--seed SEED` tells one of them.
"""

import argparse
import asyncio
import logging
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import count, islice

import structlog

from andon.testing.simulation import campaign
from andon.testing.simulation.campaign import ENDS, Tally
from andon.testing.simulation.story import Story, play

_STRETCH = 200


def main() -> int:
    """Run, and say what came of it."""
    asked = _asked()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if asked.seed is not None:
        return _tell(asked.seed)
    began = time.monotonic()
    tally = _run(asked)
    _report(tally, time.monotonic() - began, asked.processes)
    return 1 if tally.broken else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.simulation", description=__doc__)
    parser.add_argument("--stories", type=int, default=2000)
    parser.add_argument("--minutes", type=float, help="run for so long instead")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, help="tell this one story")
    return parser.parse_args()


def _run(asked: argparse.Namespace) -> Tally:
    tally, until = Tally(), time.monotonic() + (asked.minutes or 0) * 60
    stretches = (range(first, first + _STRETCH) for first in count(asked.first, _STRETCH))
    if not asked.minutes:
        last = asked.first + asked.stories
        every = range(asked.first, last, _STRETCH)
        stretches = (range(each, min(each + _STRETCH, last)) for each in every)
    with ProcessPoolExecutor(asked.processes, initializer=_quiet) as pool:
        running = {pool.submit(campaign.run, each) for each in islice(stretches, asked.processes * 2)}
        while running:
            done = next(as_completed(running))
            running.remove(done)
            tally.add(done.result())
            if (not asked.minutes or time.monotonic() < until) and (more := next(stretches, None)):
                running.add(pool.submit(campaign.run, more))
    return tally


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _report(tally: Tally, seconds: float, processes: int) -> None:
    alone = tally.rollouts / tally.seconds * 60
    print(
        f"{tally.rollouts:,} rollouts in {seconds:.0f} s on {processes} processes: "
        f"{tally.rollouts / seconds * 60:,.0f} a minute; {alone:,.0f} a minute of processor time"
    )
    print(
        f"{tally.transactions:,} records, {tally.crashes:,} crashes, "
        f"{tally.compared:,} rollouts told again with a crash"
    )
    for title, table in (("fault", tally.by_fault), ("release", tally.by_release)):
        print(f"\n{title:20}" + "".join(f"{each:>16}" for each in ENDS))
        for name in sorted({name for name, _ in table}):
            print(f"{name:20}" + "".join(f"{table[name, each]:16,}" for each in ENDS))
    print("\nno promise was broken" if not tally.broken else "\nBROKEN")
    for promise, seeds in sorted(tally.broken.items(), key=lambda each: -len(each[1])):
        print(f"  {len(seeds):4} {promise}: seeds {', '.join(map(str, seeds[:8]))}")


def _tell(seed: int) -> int:
    story = Story.of(seed)
    played = asyncio.run(play(story))
    print(story)
    for each in played.world.memory.tables.timeline:
        print(each.at.time(), each.event.subject, each.event.kind, each.event.actor, each.event.reason)
    print(played.outcome, played.end.waiting_for)
    for promise in played.broken:
        print("BROKEN", promise)
    return 1 if played.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
