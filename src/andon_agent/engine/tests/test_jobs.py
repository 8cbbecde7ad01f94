"""Jobs in real threads, and what becomes of them."""

import errno
import threading
from collections.abc import Iterator

import pytest

from andon_agent.engine.jobs import Key, Threads, outcome
from andon_agent.engine.model import Job, Rules, WorkState
from andon_agent.engine.ports import Progress
from andon_wire.errors import Doubtful, Malformed, Missing, Unreachable, Untrusted

pytestmark = pytest.mark.unit
KEY = Key("screen", Job.DOWNLOAD, "2.0 0")
RULES = Rules(disk_tries=3, retry_s=2.0, longest_retry_s=10.0)
PATIENCE_S = 60.0


class Bench:
    """Jobs, and an ear for their ends."""

    def __init__(self) -> None:
        self.ended = threading.Semaphore(0)
        self.jobs = Threads(self.ended.release, lambda: 100.0, RULES)

    def wait(self) -> None:
        assert self.ended.acquire(timeout=PATIENCE_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.jobs.close()


def test_a_job_is_done_with_what_it_found(bench: Bench) -> None:
    bench.jobs.begin(KEY, lambda _: "downloaded")
    bench.wait()
    assert bench.jobs.work(KEY).state is WorkState.DONE
    assert bench.jobs.work(KEY).detail == "downloaded"


def test_a_job_for_another_version_is_not_this_one_and_waits_for_its_end(bench: Bench) -> None:
    may_end = threading.Event()

    def slow(progress: Progress) -> str:
        progress(1, 4)
        may_end.wait(PATIENCE_S)
        return "downloaded"

    bench.jobs.begin(KEY, slow)
    other = Key("screen", Job.DOWNLOAD, "3.0 0")
    assert bench.jobs.work(other).state is WorkState.DOING
    bench.jobs.begin(other, lambda _: "never")
    may_end.set()
    bench.wait()
    assert bench.jobs.work(other).state is WorkState.TODO
    assert bench.jobs.work(KEY).state is WorkState.DONE


def test_what_is_forgotten_while_it_is_done_ends_at_its_next_step_and_leaves_nothing(bench: Bench) -> None:
    begun, forgotten = threading.Event(), threading.Event()

    def slow(progress: Progress) -> str:
        begun.set()
        forgotten.wait(PATIENCE_S)
        progress(1, 2)
        return "never"

    bench.jobs.begin(KEY, slow)
    begun.wait(PATIENCE_S)
    bench.jobs.forget("screen", Job.DOWNLOAD)
    forgotten.set()
    bench.wait()
    assert bench.jobs.work(KEY).state is WorkState.TODO


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_is_not_taken_for_success(bench: Bench) -> None:
    def faulty(_: Progress) -> str:
        raise ZeroDivisionError

    bench.jobs.begin(KEY, faulty)
    bench.wait()
    assert bench.jobs.work(KEY).state is WorkState.HOPELESS


def test_a_failure_is_tried_again_later_each_time(bench: Bench) -> None:
    waits = []
    for _ in range(5):
        bench.jobs.begin(KEY, _unreachable)
        bench.wait()
        work = bench.jobs.work(KEY)
        assert work.state is WorkState.FAILED
        waits.append((work.retry_at or 0.0) - 100.0)
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0]


def _unreachable(_: Progress) -> str:
    raise Unreachable("no-network", "no registry answers")


def _wrapped(error: OSError) -> Unreachable:
    """As a disk's failure comes out of a download or a delta."""
    outer = Unreachable("disk-failed", "the disk failed")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "failures", "state"),
    [
        (Untrusted("bad-signature", "x"), 1, WorkState.REFUSED),
        (Doubtful("metadata-expired", "x"), 99, WorkState.FAILED),
        (Doubtful("bad-signature", "x"), 99, WorkState.FAILED),
        (Malformed("bad-container", "x"), 1, WorkState.HOPELESS),
        (Missing("no-release", "x"), 99, WorkState.FAILED),
        (Unreachable("no-network", "x"), 99, WorkState.FAILED),
        (Unreachable("disk-full", "x"), 99, WorkState.FAILED),
        (Unreachable("disk-failed", "x"), 99, WorkState.FAILED),
        (OSError(errno.ENOSPC, "no space"), 99, WorkState.FAILED),
        (OSError(errno.EIO, "x"), 99, WorkState.FAILED),
        (OSError(errno.ENAMETOOLONG, "x"), 2, WorkState.FAILED),
        (OSError(errno.ENAMETOOLONG, "x"), 3, WorkState.HOPELESS),
        (_wrapped(OSError(errno.EINVAL, "x")), 3, WorkState.HOPELESS),
        (_wrapped(OSError(errno.ENOSPC, "x")), 99, WorkState.FAILED),
    ],
)
def test_what_raised_says_whether_trying_again_helps(
    error: Exception, failures: int, state: WorkState
) -> None:
    assert outcome(error, None, failures, 0.0, RULES).state is state
