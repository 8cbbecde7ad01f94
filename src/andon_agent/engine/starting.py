"""From a contract and a state to what is started: command, environment, folders."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from andon_agent.engine.model import State
from andon_agent.engine.places import Place
from andon_agent.hosts.host import Launch, mark_of
from andon_wire.application import Application
from andon_wire.disk import Disk
from andon_wire.errors import Malformed

_KEPT_ON_WINDOWS = ("SYSTEMROOT", "WINDIR", "PATHEXT", "COMSPEC", "USERPROFILE", "LOCALAPPDATA", "APPDATA")
_KEPT_ON_LINUX = (
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "QT_QPA_PLATFORM",
    "XDG_RUNTIME_DIR",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
)


def words_of(state: State, place: Place, address: str) -> Mapping[str, str]:
    """What is filled in for {slot}, {data}, {version}, {agent}, {token}.

    Raises:
        Malformed: nothing is active.
    """
    if state.active is None:
        raise Malformed("nothing-active", f"no release of {state.unit} is active")
    return {
        "slot": str(place.files(state.active.slot)),
        "data": str(place.data),
        "version": state.active.version,
        "agent": address,
        "token": state.token,
    }


def command_of(contract: Application, words: Mapping[str, str], disk: Disk) -> Sequence[str]:
    """The command, filled in. Its program is a path, a file of the release, or a name in the search path."""
    first, *rest = [fill(each, words) for each in contract.command]
    own = Path(words["slot"]) / first
    return [str(own) if disk.exists(own) else first, *rest]


def launch_of(command: Sequence[str], state: State, place: Place, environment: Mapping[str, str]) -> Launch:
    """How the active release is started."""
    return Launch(
        mark=mark_of(state.unit, state.starts),
        command=command,
        environment=environment,
        folder=place.data,
        output=place.output,
        lock=place.run / "lock",
    )


def fill(text: str, words: Mapping[str, str]) -> str:
    """The text with its words filled in."""
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text


def environment_of(
    contract: Application, place: Place, words: Mapping[str, str], around: Mapping[str, str]
) -> Mapping[str, str]:
    """What the release is started with. around: the agent's own environment, of which little is handed on.

    A screen needs to find its display; a secret of the agent must not reach an application by accident.
    """
    kept: Sequence[str] = _KEPT_ON_WINDOWS if sys.platform == "win32" else _KEPT_ON_LINUX
    return {
        "PATH": around.get("PATH", os.defpath),
        "LANG": around.get("LANG", "C.UTF-8"),
        "HOME": str(place.data),
        "TMPDIR": str(place.run / "tmp"),
        "TEMP": str(place.run / "tmp"),
        **{each: around[each] for each in kept if each in around},
        **{name: fill(value, words) for name, value in contract.env.items()},
        "ANDON_UNIT": contract.unit,
        "ANDON_RELEASE": contract.version,
        "ANDON_AGENT": words["agent"],
        "ANDON_TOKEN": words["token"],
        "ANDON_DATA": words["data"],
    }
