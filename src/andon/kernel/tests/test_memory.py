import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from andon.kernel import memory
from andon.kernel.clock import ManualClock

PAGE = os.sysconf("SC_PAGE_SIZE")
WAITS = [sys.executable, "-c", "input()"]
HAS_A_CHILD = (
    "import subprocess, sys; b = bytearray(80_000_000); subprocess.run([sys.executable, '-c', 'input()'])"
)


def a_process(proc: Path, pid: int, pages: int, *children: int) -> None:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True)
    (proc / str(pid) / "statm").write_text(f"9999 {pages} 1 1 0 1 0")
    (task / "children").write_text(" ".join(map(str, children)))


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "meminfo").write_text(f"MemTotal: {1000 * PAGE // 1024} kB\nMemFree: 1 kB\n")
    return tmp_path


def test_what_a_process_started_counts_with_it(proc):
    a_process(proc, 1, 100, 2)
    a_process(proc, 2, 50, 3)
    a_process(proc, 3, 25)
    assert memory.used_part(1, proc, ()) == pytest.approx(0.175)


def test_one_that_is_gone_uses_nothing_that_is_known(proc):
    assert memory.used_part(9, proc) is None
    a_process(proc, 1, 100, 2)
    assert memory.used_part(1, proc) is None, "its child ended in between: it is read again"


def test_a_container_s_limit_counts_where_it_is_less(proc, tmp_path):
    limit = tmp_path / "memory.max"
    for text, wanted in (("max", 1000), (str(400 * PAGE), 400), (str(9000 * PAGE), 1000), ("0", 1000)):
        limit.write_text(text)
        assert memory.limit_bytes(proc, (tmp_path / "none", limit)) == wanted * PAGE


def test_a_real_process_and_its_child_are_measured():
    with subprocess.Popen([sys.executable, "-c", HAS_A_CHILD], stdin=subprocess.PIPE) as running:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        while not children.read_text().strip():
            assert running.poll() is None
        used = memory.used_part(running.pid)
        running.communicate(b"\n")
    assert used is not None
    assert used * memory.limit_bytes() > 80_000_000


def test_a_gauge_asks_at_most_once_in_its_time():
    clock = ManualClock()
    gauge = memory.Gauge(clock, timedelta(seconds=1))
    with subprocess.Popen(WAITS, stdin=subprocess.PIPE) as running:
        first = gauge.read(running.pid)
        assert first is not None
        running.communicate(b"\n")
    assert gauge.read(running.pid) == first
    clock.advance(timedelta(seconds=1))
    assert gauge.read(running.pid) is None
    clock.advance(timedelta(minutes=2))
    gauge.read(1)
    assert list(gauge._known) == [1]
