"""Runs the jobs of a delta on several cores. The library that makes patches holds Python's lock, so these
are processes; each needs up to half a gigabyte for the largest pieces, so they are few.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from andon.releases.deltas.compete import Job, compete
from andon_wire.delta.model import Step

MOST_WORKERS = 8
_WORTH_IT = 16 << 20  # bytes of pieces and bases; less is done sooner than processes start

Tell = Callable[[int], None]


def number(workers: int | None) -> int:
    """So many workers as were asked for, else as there are cores."""
    return workers if workers is not None else min(os.cpu_count() or 1, MOST_WORKERS)


def compete_all(jobs: Sequence[Job], workers: int | None, tell: Tell) -> list[Step]:
    """The steps of all jobs, in their order, whatever the number of workers. tell: is given bytes done.

    What `tell` raises ends the work.
    """
    workers = number(workers)
    if (
        workers < 2
        or sum(each.piece.length + each.piece.span for each in jobs if each.piece.span) < _WORTH_IT
    ):
        return [_told(each, tell) for each in jobs]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        largest_first = sorted(jobs, key=lambda each: -each.piece.span - each.piece.length)
        running = {pool.submit(compete, each): each for each in largest_first}
        try:
            for done in as_completed(running):
                done.result()
                tell(running[done].piece.length)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        steps = {id(job): future.result() for future, job in running.items()}
    return [steps[id(each)] for each in jobs]


def _told(job: Job, tell: Tell) -> Step:
    step = compete(job)
    tell(job.piece.length)
    return step
