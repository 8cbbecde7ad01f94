"""Runs a local target in processes that are killed at a chosen moment, and says what the next one finds.

`python local_kills.py HOME FIRST_PORT MODE SEED`: each line of the output is one round as JSON. A process of
its own, so that it can fork before any loop runs and pays for its imports once.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import threading
import traceback
from datetime import timedelta
from pathlib import Path

import psutil

from andon.kernel import logging
from andon.kernel.clock import SystemClock
from andon.kernel.ids import EnvironmentName, UnitName, Version
from andon.releases.model import Role
from andon.targets.local import LocalSettings, LocalTarget
from andon.targets.model import Assignment, InstanceState
from andon.targets.records import Rules
from andon.testing import tiny_unit
from andon.units.desired import Desired, DesiredRelease

TINY, PRODUCTION, ONE = UnitName("tiny"), EnvironmentName("production"), Version("1.0.0")
RULES = Rules(first_backoff=timedelta(milliseconds=20), drain_grace=timedelta(milliseconds=50))
TOUCHES = {"os.rename", "subprocess.Popen"}  # raised before a record becomes durable, before a start
WANTED = 2


async def fetch(unit: UnitName, version: Version, role: Role, into: Path) -> Path:
    return tiny_unit.wheelhouse(into, version)


def a_target(home: Path, first_port: int) -> LocalTarget:
    return LocalTarget(LocalSettings(home, first_port, first_port + 99, RULES), fetch, SystemClock())


async def towards(target: LocalTarget, count: int) -> None:
    release = DesiredRelease(ONE, count, 1.0)
    wanted = Assignment(
        Desired(TINY, PRODUCTION, 1, ONE, (release,) if count else ()), {ONE: tiny_unit.manifest()}
    )
    async with asyncio.timeout(150):
        while True:
            await target.reconcile(wanted)
            seen = await target.observe(TINY, PRODUCTION)
            if len(seen) == count and all(each.state is InstanceState.READY for each in seen):
                return
            await asyncio.sleep(0.01)


async def up_and_down(home: Path, first_port: int) -> None:
    target = a_target(home, first_port)
    await towards(target, WANTED)
    await towards(target, 0)
    await target.close()


async def up(home: Path, first_port: int) -> None:
    target = a_target(home, first_port)
    await towards(target, WANTED)
    await target.close()


async def down(home: Path, first_port: int) -> None:
    target = a_target(home, first_port)
    await target.stop_everything()
    await target.close()


def in_a_child(work, *, kill_at: int = 0, kill_after: float = 0) -> bool:
    """Whether the child came to its end; False when it was killed at the n-th touch, or after so long."""
    child = os.fork()
    if child == 0:
        die = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        left = kill_at

        def on_touch(event: str, _arguments: object) -> None:
            nonlocal left
            if event in TOUCHES:
                left -= 1
                if left == 0:
                    die()

        if kill_at:
            sys.addaudithook(on_touch)
        if kill_after:
            threading.Timer(kill_after, die).start()
        try:
            asyncio.run(work)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    work.close()
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError("a child failed by itself")
    return os.WIFEXITED(status)


def running(home: Path) -> dict[int, str]:
    """Pid and instance of every process that was started for this home."""
    found = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            is_ours = environment.get("TMPDIR", "").startswith(f"{home}/")
            if is_ours and "ANDON_INSTANCE" in environment and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = environment["ANDON_INSTANCE"]
        except psutil.Error:
            continue
    return found


def records(home: Path) -> dict[str, str]:
    return {
        each.parent.name: json.loads(each.read_bytes())["state"]
        for each in (home / "instances").glob("*/instance.json")
    }


def one_round(home: Path, first_port: int, **kill: float) -> bool:
    """Kill, look, go on, look. Gives whether the child was killed at all."""
    was_killed = not in_a_child(up_and_down(home, first_port), **kill)
    left, states = running(home), records(home)
    staying = {pid for pid, name in left.items() if states.get(name) not in {"draining", "stopped"}}
    in_a_child(up(home, first_port))
    after = running(home)
    finding = {
        "kill": kill,
        "was_killed": was_killed,
        "doubled": len(after) - len(set(after.values())),
        "running": len(after),
        "survivors_lost": len(staying - set(after)),
    }
    in_a_child(down(home, first_port))
    finding["left_over"] = len(running(home))
    sys.stdout.write(json.dumps(finding) + "\n")
    sys.stdout.flush()
    return was_killed


def main(home: Path, first_port: int, mode: str, seed: int) -> None:
    logging.configure(level="ERROR")
    if mode == "fresh":
        for touch in range(3, 9):  # what an installation and a migration touch
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            one_round(home, first_port, kill_at=touch)
    elif mode == "each":
        touch = 1
        while one_round(home, first_port, kill_at=touch):
            touch += 1
    else:
        moments = random.Random(seed)
        for _ in range(6):
            one_round(home, first_port, kill_after=moments.uniform(0.01, 0.8))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
