"""What a try's process is told, and what it answers: files in the try's own folder. Imports little.

<home>/tasks/<rollout>/<step>.<name>.<number>/
    job.json   written before the process starts
    lock       held by the process while it works
    output     what it printed, the middle left out where it is long
    result.json
    work/      the working folder of a command
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from andon.kernel.errors import Damaged

JOB, LOCK, OUTPUT, RESULT, WORK = "job.json", "lock", "output", "result.json", "work"
MARK = "ANDON_TASK"


@dataclass(frozen=True, slots=True)
class Result:
    """How a try ended. reason: the rest of a sentence about the task."""

    is_passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Job:
    """One try. Either `command` is run, or `path` is asked for at each of `bases`.

    status: that every answer must have, 0 any 2xx; contains: text that it must contain; value_at, equals: a
    value in it, and the JSON that this must be. seconds: after so many it has failed. environment: all that a
    command is given.
    """

    mark: str
    seconds: float
    command: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    path: str = ""
    status: int = 0
    contains: str = ""
    value_at: str = ""
    equals: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """As it is written."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(content: bytes) -> "Job":
        """As it was written; raises ValueError, TypeError where it is none."""
        values = json.loads(content)
        values |= {"command": tuple(values["command"]), "bases": tuple(values["bases"])}
        return Job(**values)


def result_to_json(result: Result) -> bytes:
    """As it is written."""
    return json.dumps(asdict(result)).encode()


def find_result(folder: Path) -> Result | None:
    """The result in a try's folder; None where there is none.

    Raises:
        Damaged: it cannot be read.
    """
    try:
        values = json.loads((folder / RESULT).read_bytes())
        return Result(bool(values["is_passed"]), str(values["reason"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise Damaged("damaged-result", f"the result in {folder} cannot be read: {error}") from error
