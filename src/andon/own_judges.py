"""Finds the plant's own judges: entry points of the group `andon.judges` of what is installed beside Andon.

A part of the composition root beside `parts.py`. How to write one: docs/operations/judges.md.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from andon.judge.own import OwnJudge
from andon.judge.registry import Judges

GROUP = "andon.judges"
_NEEDED = ("start", "update", "judge")


def found(points: Iterable[EntryPoint] | None = None) -> Judges:
    """All judges there are now. One that cannot be loaded is known with its problem, so that it can be said.

    points: instead of what is installed.
    """
    own: dict[str, OwnJudge] = {}
    problems: dict[str, str] = {}
    for point in entry_points(group=GROUP) if points is None else points:
        try:
            loaded = point.load()
            loaded = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:  # noqa: BLE001  foreign code ends here
            problems[point.name] = f"{point.value} cannot be loaded: {type(error).__name__}: {error}"
            continue
        missing = [name for name in _NEEDED if not callable(getattr(loaded, name, None))]
        if missing:
            problems[point.name] = f"{point.value} has no {' and no '.join(missing)}"
        else:
            own[point.name] = loaded
    return Judges(own, problems)
