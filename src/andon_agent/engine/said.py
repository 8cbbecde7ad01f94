"""What an application printed last that says most likely why it does not work. Pure.

Who must act has seldom more than this line: neither the operator nor the engineer sits at the station.
"""

import re

TAIL_BYTES = 64 << 10  # of the output, looked at
MOST = 200  # characters
_BEGIN = "== start "
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_ERROR = re.compile(
    r"error|exception|fatal|fail|panic|critical|cannot|can't|could not|unable|denied|no such|not found|abort"
    r"|assert|segmentation|오류|실패",
    re.IGNORECASE,
)
_SAYS_LESS = re.compile(r"traceback \(most recent|failed to execute script|core dumped", re.IGNORECASE)


def heading(mark: str) -> bytes:
    """The line that stands in an output before all that one start prints. mark: of the start."""
    return f"\n{_BEGIN}{mark}\n".encode()


def last_words(tail: bytes, mark: str) -> str:
    """One plain line of at most MOST characters; empty where that start printed nothing.

    tail: the end of the output, TAIL_BYTES of it. The last line that looks like an error, before the last.
    """
    lines = _lines_of(tail.decode("utf-8", "replace"), mark)
    plain = [each for each in lines if _plain(each)]
    if not plain:
        return ""
    errors = [each for each in plain if _ERROR.search(each) and not _SAYS_LESS.search(each)]
    outermost = [each for each in errors if not each[0].isspace()]  # a trace's own lines are indented
    found = _plain((outermost or errors or plain)[-1])
    return found if len(found) <= MOST else f"{found[: MOST - 1]}…"


def _lines_of(text: str, mark: str) -> list[str]:
    """Those of that start alone; of all where it printed more than the tail holds."""
    lines = re.split(r"[\r\n]+", text)
    begins = [number for number, each in enumerate(lines) if each.startswith(_BEGIN)]
    if not begins:
        return lines
    return lines[begins[-1] + 1 :] if lines[begins[-1]] == f"{_BEGIN}{mark}" else []


def _plain(line: str) -> str:
    visible = "".join(each if each.isprintable() else " " for each in _ESCAPES.sub("", line))
    return " ".join(visible.split())
