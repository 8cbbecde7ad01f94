"""What the demo asks of the MES by the MES's own command, on its database, as in a plant: credentials for the
simulated line, somebody who may see the pages, and whether its record holds."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from os import environ
from pathlib import Path

from demo.line import Credentials
from demo.plant import DemoError


async def issue(command: Sequence[str], variables: Mapping[str, str]) -> Credentials:
    """One credential for the stations and one for the feeder, which plans lots as an ERP would.

    command: the MES's, such as `andon-mes`; variables: the settings that say which database.

    Raises:
        DemoError: the MES did not issue them.
    """
    station = await _issue(command, variables, "stations", "station")
    feeder = await _issue(command, variables, "feeder", "line_lead")
    return Credentials(station, feeder)


def installed(home: Path) -> list[str]:
    """The command of the newest MES that Andon has installed in `home`; it removes what nothing runs."""
    found = sorted((home / "installs" / "mes").glob("*/bin/andon-mes"))
    if not found:
        raise DemoError(f"no release of the MES is installed in {home}")
    return [str(found[-1])]


def database_of(home: Path, environment: str) -> dict[str, str]:
    """The settings that name the database of an environment in `home`."""
    return {"ANDON_MES_DATABASE": str(home / "data" / environment / "mes" / "mes.db")}


async def hire(command: Sequence[str], variables: Mapping[str, str], name: str) -> str:
    """Let somebody into the pages of the MES, in the role quality; gives the one-time password.

    Raises:
        DemoError: the MES did not let them in.
    """
    words = ("users", "add", name, "--name", "The manager of the demo", "--role", "quality", "--json")
    return str(json.loads(await _run(command, variables, *words))["one_time_password"])


async def verify(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """What `andon-mes verify` says at its end: every figure recounted, the audit's chain checked.

    Raises:
        DemoError: something does not hold.
    """
    return (await _run(command, variables, "verify")).strip().splitlines()[0]


async def _issue(command: Sequence[str], variables: Mapping[str, str], name: str, role: str) -> str:
    issued = await _run(command, variables, "devices", "issue", name, "--role", role, "--json")
    return str(json.loads(issued)["credential"])


async def _run(command: Sequence[str], variables: Mapping[str, str], *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(*command, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environ, **variables},
    )
    out, err = await process.communicate()
    if process.returncode:
        raise DemoError(f"`andon-mes {' '.join(words[:3])}` ended with {process.returncode}", err.decode())
    return out.decode()
