"""What artifacts are made for: system and machine, such as `linux-x86_64` and `windows-amd64`."""

import platform
import re

_PLATFORM = re.compile(r"[a-z0-9]{1,20}-[a-z0-9_]{1,20}")


def own() -> str:
    """The platform of this machine and Python."""
    return f"{platform.system().lower()}-{platform.machine().lower()}"


def is_platform(text: str) -> bool:
    """Whether `text` is of the form of a platform's name."""
    return bool(_PLATFORM.fullmatch(text))
