"""Credentials for the simulated line, issued as in a plant: by the MES's own command, on its database."""

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


def installed(home: Path, version: str) -> list[str]:
    """The command of the MES that Andon has installed in `home`."""
    found = sorted((home / "installs" / "mes").glob(f"{version}-*/bin/andon-mes"))
    if not found:
        raise DemoError(f"{version} of the MES is not installed in {home}")
    return [str(found[0])]


def database_of(home: Path, environment: str) -> dict[str, str]:
    """The settings that name the database of an environment in `home`."""
    return {"ANDON_MES_DATABASE": str(home / "data" / environment / "mes" / "mes.db")}


async def _issue(command: Sequence[str], variables: Mapping[str, str], name: str, role: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(*command, "devices", "issue", name, "--role", role, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environ, **variables},
    )
    out, err = await process.communicate()
    if process.returncode:
        raise DemoError(f"the MES issued no credential for {name}", err.decode())
    return str(json.loads(out)["credential"])
