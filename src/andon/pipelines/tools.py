"""Runs a program for a stage: its output goes on the stage's own, and the end of it is remembered."""

import re
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import InvalidInput

_REMEMBERED_LINES = 200
_RAISED = re.compile(r"[\w.]*(Error|Exception): ")  # the last line of Python's own account


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    code: int
    tail: tuple[str, ...]

    @property
    def said(self) -> str:
        """The line that most likely tells what went wrong."""
        lines = [each.strip() for each in self.tail if each.strip()]
        raised = [each for each in lines if _RAISED.match(each)]
        if raised:
            return raised[-1]
        for line in lines:
            if line.lower().startswith(("error", "fatal", "failed")):
                return line
        return lines[-1] if lines else f"it ended with {self.code} and said nothing"


def say(line: str) -> None:
    """A line on the stage's output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> Outcome:
    """Run `command` to its end, its output line by line on ours.

    Raises:
        InvalidInput: there is no such program.
    """
    say(f"$ {_shown(command, cwd)}")
    tail: deque[str] = deque(maxlen=_REMEMBERED_LINES)
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise InvalidInput(
            "no-program", f"{command[0]} cannot be run: {error.strerror}", hint="install it, or name another"
        ) from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            tail.append(line.rstrip("\n"))
    return Outcome(process.returncode, tuple(tail))


def _shown(command: Sequence[str], cwd: Path) -> str:
    """The command for a person: the folder it runs in and the place of the program say nothing."""
    program, *arguments = command
    return " ".join([Path(program).name, *(each.replace(f"{cwd}/", "") for each in arguments)])
