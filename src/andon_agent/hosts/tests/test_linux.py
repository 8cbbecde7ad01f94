"""Real processes: they outlive whoever started them, are found again, and are ended with all of theirs."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from andon_agent.hosts.host import Launch, mark_of
from andon_agent.hosts.linux import Linux

pytestmark = pytest.mark.component
PATIENCE_S = 60.0
_SLEEP = "import threading; threading.Event().wait()"
_PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {_SLEEP!r}]); {_SLEEP}"
_STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); {_SLEEP}"


@pytest.fixture
def unit() -> Iterator[str]:
    """A name that no other test has, whose processes are gone afterwards."""
    name = f"unit-{os.getpid()}"
    yield name
    Linux().kill(name)


def a_launch(unit: str, folder: Path, code: str = _SLEEP, start: int = 1) -> Launch:
    return Launch(
        mark=mark_of(unit, start),
        command=[sys.executable, "-c", code],
        environment={"PATH": os.defpath},
        folder=folder / "data",
        output=folder / "run/output.log",
        lock=folder / "run/lock",
    )


def until(claim: Callable[[], bool]) -> None:
    """Wait for what a process does by itself."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        if claim():
            return
        tick.wait(0.02)
    pytest.fail("it did not come")


def test_the_applications_of_another_agent_on_the_machine_are_not_ours(unit: str, tmp_path: Path) -> None:
    ours, theirs = Linux("ours"), Linux("theirs")
    process = ours.start(a_launch(unit, tmp_path))
    until(lambda: ours.marked(unit) == [(mark_of(unit, 1), process)])
    assert theirs.marked(unit) == []
    theirs.kill(unit)
    assert ours.is_alive(process)
    ours.kill(unit)


def test_another_agent_finds_what_was_started_and_holds_it_for_the_same(unit: str, tmp_path: Path) -> None:
    process = Linux().start(a_launch(unit, tmp_path))
    another = Linux()
    assert another.is_alive(process)
    until(lambda: another.marked(unit) == [(mark_of(unit, 1), process)])  # its mark comes a moment later
    assert another.is_being_started(tmp_path / "run/lock")
    assert not another.is_alive(replace(process, started=process.started - 5))
    assert not another.is_alive(replace(process, boot="another"))


def test_a_second_start_beside_the_first_is_refused(unit: str, tmp_path: Path) -> None:
    host = Linux()
    host.start(a_launch(unit, tmp_path))
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        host.start(a_launch(unit, tmp_path, start=2))
    until(lambda: len(host.marked(unit)) == 1)


def test_what_it_started_is_ended_with_it(unit: str, tmp_path: Path) -> None:
    host = Linux()
    process = host.start(a_launch(unit, tmp_path, _PARENT))
    until(lambda: len(host.marked(unit)) == 2)
    assert host.marked(unit)[0][1] == process  # the leader stands first
    host.kill(unit)
    assert not host.is_alive(process)
    assert host.marked(unit) == []
    assert not host.is_being_started(tmp_path / "run/lock")


def test_who_is_asked_ends_and_says_how(unit: str, tmp_path: Path) -> None:
    host = Linux()
    process = host.start(a_launch(unit, tmp_path))
    host.ask_to_end(process)
    until(lambda: not host.is_alive(process))
    assert host.end_of(process) == "ended by SIGTERM"


def test_who_does_not_listen_is_ended_by_force(unit: str, tmp_path: Path) -> None:
    host = Linux()
    process = host.start(a_launch(unit, tmp_path, _STUBBORN))
    until(lambda: "up" in (tmp_path / "run/output.log").read_text())
    host.ask_to_end(process)
    assert host.is_alive(process)
    host.kill(unit)
    assert not host.is_alive(process)


def test_an_exit_code_is_said(unit: str, tmp_path: Path) -> None:
    host = Linux()
    process = host.start(a_launch(unit, tmp_path, "raise SystemExit(3)"))
    until(lambda: not host.is_alive(process))
    assert host.end_of(process) == "exited with code 3"


def test_a_program_that_is_not_there_cannot_be_started(unit: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Linux().start(replace(a_launch(unit, tmp_path), command=["/no/such/program"]))
    assert not Linux().is_being_started(tmp_path / "run/lock")


def test_uptime_is_the_same_clock_for_all_and_only_rises() -> None:
    one, two = Linux().now(), Linux().now()
    assert one.boot == two.boot
    assert one.uptime <= two.uptime
