"""Starts Envoy so that it belongs to nobody: `python -m andon.gateway.launch FOLDER LOG PROGRAM ARGUMENT...`.

Envoy asks the kernel to end it together with the thread that started it. So a child of a child, whose
parent is already gone, becomes Envoy. It keeps a lock on the folder for as long as it lives, which is
what allows only one Envoy per folder, and notes its pid before it turns into Envoy.
"""

import fcntl
import os
import select
import sys
from pathlib import Path

from andon.kernel import processes

LOCK = "envoy.lock"
PID_FILE = "envoy.json"
ALREADY_RUNNING = 75


def main(arguments: list[str]) -> int:
    """Start Envoy and return 0 once it runs, 75 when one runs in that folder, 1 with the reason on stderr."""
    folder, log, *command = arguments
    reading, writing = os.pipe()  # closed by exec: silence means that Envoy runs
    child = os.fork()
    if child == 0:
        os.close(reading)
        _middle(Path(folder), Path(log), command, writing)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as stream:
        reason = stream.read().decode()
    if reason:
        sys.stderr.write(reason)
    if reason.startswith("locked"):
        return ALREADY_RUNNING
    return 1 if reason else 0


def _middle(folder: Path, log: Path, command: list[str], writing: int) -> None:
    os.setsid()
    middle = os.getpid()
    if os.fork() != 0:
        os._exit(0)
    while os.getppid() == middle:
        select.select([], [], [], 0.001)
    try:
        _become(folder, log, command)
    except BlockingIOError:
        os.write(writing, b"locked\n")
    except OSError as error:
        os.write(writing, f"{error}\n".encode())
    os._exit(1)


def _become(folder: Path, log: Path, command: list[str]) -> None:
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(lock, True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    processes.note(folder / PID_FILE, processes.own())
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
