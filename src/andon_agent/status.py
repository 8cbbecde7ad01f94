"""What `andon-agent status` says: who this machine is, whether its agent runs, how its units stand."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from andon_agent import enrolling, local_place
from andon_agent.home import Home
from andon_wire.application import AGENT_UNIT
from andon_wire.disk import Disk
from andon_wire.errors import Unreachable, WireError
from andon_wire.protocol import Phase

GOOD, BAD, INCONCLUSIVE = 0, 1, 3  # exit codes, as those of `andon`
_STUCK = (Phase.FAILED, Phase.HELD)
_MOST_BYTES = 1 << 20
_PATIENCE_S = 5.0


def status(home: Home, disk: Disk) -> dict[str, Any]:
    """As JSON says it. Asks the running agent over its local interface."""
    found: dict[str, Any] = {
        "home": str(home.folder),
        "station": None,
        "is_running": home.is_held(),
        "is_online": False,
        "units": {},
        "problem": "",
    }
    try:
        identity = enrolling.load(home, disk)
        found |= {"station": identity.station.name, "line": identity.line, "ring": identity.ring}
        found |= {"environment": identity.environment}
        if found["is_running"]:
            heard = ask(home, disk, "/v1/units")
            found |= {"units": heard["units"], "is_online": heard.get("is_online", True)}
            found["offline"] = heard.get("problem", "")
        else:
            found["problem"] = "the agent does not run"
    except WireError as error:
        found["problem"] = error.message
        found["hint"] = error.hint
    return found


def exit_code(found: Mapping[str, Any]) -> int:
    """Whether all is well here: GOOD, BAD where a person has to look, INCONCLUSIVE where it may still pass.

    Bad is: no station, no agent, a unit that failed or is held, whose files were changed, or that should run
    and does not at this moment. Inconclusive is: a change is under way or waits, or nobody hears the station.
    """
    units: Mapping[str, Mapping[str, Any]] = found["units"]
    if found["problem"] or not found["is_running"]:
        return BAD
    if any(_is_bad(name, each) for name, each in units.items()):
        return BAD
    is_settled = all(
        each["phase"] == Phase.IDLE and each["wanted"] in {None, each["running"]} for each in units.values()
    )
    return GOOD if is_settled and found["is_online"] else INCONCLUSIVE


def _is_bad(name: str, unit: Mapping[str, Any]) -> bool:
    """The agent notes no process of its own; one of an older release says less, and is believed."""
    has_process = unit.get("has_process", True) or name == AGENT_UNIT
    is_dead = unit["phase"] == Phase.IDLE and unit["running"] is not None and not has_process
    return unit["phase"] in _STUCK or unit.get("is_drifted", False) or is_dead


def ask(home: Home, disk: Disk, path: str) -> dict[str, Any]:
    """An answer of the running agent.

    Raises:
        Unreachable: it gives none.
    """
    place = local_place.recall(home, disk)
    if place is None:
        raise Unreachable("agent-silent", f"{home.local} cannot be read", hint="run this as the agent's user")
    parts = urlsplit(place.address)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", place.port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {place.token}"})
        answer = connection.getresponse()
        document = json.loads(answer.read(_MOST_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable("agent-silent", f"the agent does not answer at {place.address}: {error}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK or not isinstance(document, dict):
        raise Unreachable("agent-silent", f"the agent answered {answer.status}")
    return document


def lines(found: dict[str, Any]) -> list[str]:
    """The same for a person."""
    runs = "runs" if found["is_running"] else "does not run"
    who = f"{found['station']} ({found.get('ring', '')}, {found.get('line') or 'no line'})"
    told = [f"{who if found['station'] else 'no station'}: the agent {runs}; home {found['home']}"]
    for name, each in sorted(found["units"].items()):
        told.append(f"  {name}: {each['running'] or 'nothing'}, {each['phase']}. {each['sentence']['en']}")
        told += [f"    {line}" for line in _why(each)]
    if not found["units"] and found.get("offline"):
        told.append(f"  {found['offline']}")
    if found["problem"]:
        told.append(f"  {found['problem']}")
    if found.get("hint"):
        told.append(f"  {found['hint']}")
    return told


def _why(unit: dict[str, Any]) -> list[str]:
    """Why it waits or was given up, and why nothing new is heard."""
    reason, is_settled = unit["reason"], unit["phase"] == "idle" and unit["wanted"] in {None, unit["running"]}
    told = [f"why: {reason}"] if reason and not is_settled and reason not in unit["sentence"]["en"] else []
    if unit.get("is_drifted"):
        told.append("its files are not what was installed")
    if not unit["is_online"]:
        told.append(f"{unit.get('problem') or 'the control plane does not answer'}; what runs goes on")
    return told
