"""Runs one way on one pair, and what it took."""

import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.delta.ways import WAYS, archive

TUFUP = "tufup"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a process with all that it waited for. peak: of the largest one of them, in bytes."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Figure:
    """What a way took on a pair."""

    way: str
    size_bytes: int
    make: Cost
    apply: Cost


@dataclass(frozen=True, slots=True)
class Place:
    """Where measuring happens. tufup: an interpreter that has it, or None; tools: programs of ours."""

    room: Path
    tufup: Path | None
    tools: Path


def measure(way: str, old: Path, new: Path, place: Place) -> Figure:
    """Make, apply, compare what came out. Raises AssertionError where it is another tree."""
    delta, into = place.room / "delta", place.room / "into"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    if way == TUFUP:
        peer = [str(place.tufup), str(Path(__file__).with_name("peer.py"))]
        archives = [place.room / f"station-{n}.0.tar.gz" for n in (1, 2)]
        for n, tree in ((1, old), (2, new)):
            if not archives[n - 1].exists():
                subprocess.run([*peer, "archive", tree, place.room, f"{n}.0"], check=True)
        make = _run([*peer, "make", *archives, delta], place)
        apply = _run([*peer, "apply", archives[0], delta, into], place)
    else:
        command = [sys.executable, "-m", "bench.delta.ways", way]
        make = _run([*command, "make", old, new, delta], place)
        if way.startswith("andon"):
            into.rmdir()  # a container makes its folder
        apply = _run([*command, "apply", old, delta, into], place)
    check = "from bench.delta.figures import same; import sys; same(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", check, str(into), str(new)], check=True)
    return Figure(way, delta.stat().st_size, make, apply)


def prepare(old: Path, new: Path) -> None:
    """The archives that ways over a whole tar start from."""
    for each in (old, new):
        if not archive(each).exists():
            with tarfile.open(archive(each), "w") as tar:
                tar.add(each, ".")


def ways(place: Place) -> Sequence[str]:
    """All that can be had here; tufup first, as the others are compared to it."""
    return [*([TUFUP] if place.tufup is not None else []), *WAYS]


def same(made: str, expected: str) -> None:
    """See that two folders hold the same files."""
    from andon_wire import scan

    assert scan.scan(Path(made)) == scan.scan(Path(expected)), "another tree came out"


def _run(command: Sequence[object], place: Place) -> Cost:
    """Run and wait. This process stays small: a child's peak begins with what its parent holds."""
    environment = {**os.environ, "BENCH_TOOLS": str(place.tools)}
    began = time.monotonic()
    process = subprocess.Popen([str(each) for each in command], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [str(each) for each in command])
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss << 10)
