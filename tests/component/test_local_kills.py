"""Andon is killed at every point where it touches the world; the next one goes on from there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.kernel import processes
from andon.kernel.ids import InstanceId
from andon.targets.detached import MARK

pytestmark = pytest.mark.timeout(1000)
DRIVER = Path(__file__).with_name("local_kills.py")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    home.mkdir()
    yield home
    for each in (home / "instances").glob("*"):
        processes.kill_marked(MARK, InstanceId(each.name))


def run(home: Path, mode: str, seed: int = 0) -> list[dict]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    line = [sys.executable, str(DRIVER), str(home), str(29000 + 100 * (worker % 9)), mode, str(seed)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(each) for each in done.stdout.splitlines()]


def assert_nothing_was_lost_or_doubled(rounds: list[dict]) -> None:
    for each in rounds:
        assert each["running"] == 2, each
        assert each["doubled"] == 0, each
        assert each["survivors_lost"] == 0, each
        assert each["left_over"] == 0, each


def test_killed_at_each_touch_of_the_world_it_neither_loses_nor_doubles_an_instance(home: Path):
    rounds = run(home, "each")
    assert len(rounds) > 12, "create, start, note, ready, drain, stop, forget, of two instances"
    assert_nothing_was_lost_or_doubled(rounds)


def test_killed_while_it_installs_and_migrates_the_next_one_finishes_that(home: Path):
    rounds = run(home, "fresh")
    assert all(each["was_killed"] for each in rounds)
    assert_nothing_was_lost_or_doubled(rounds)


def test_killed_at_random_moments_it_neither_loses_nor_doubles_an_instance(home: Path):
    assert_nothing_was_lost_or_doubled(run(home, "random", seed=20))
