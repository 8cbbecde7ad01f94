"""The command `andon-agent`: enrol this machine, run its agent, look at it, make it a service.

Each command imports what it needs: as a launcher this stays in memory for ever, and must be small.
"""

import argparse
import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from andon_agent import service
from andon_agent.engine.model import SlotName
from andon_agent.home import Home
from andon_wire.disk import RealDisk
from andon_wire.errors import Malformed, WireError

GOOD, BAD, INPUT = 0, 1, 2
_EXIT_CODES = (
    "Exit codes: 0 all is well; 1 a person has to look: no station, no agent, a unit that failed, is held, "
    "was changed, or should run and does not; 3 a change is under way or waits, or the control plane does "
    "not answer."
)
_HOME = "ANDON_AGENT_HOME"
_SLOT, _VERSION = "ANDON_AGENT_SLOT", "ANDON_AGENT_VERSION"
_WINDOWS_HOME = r"C:\ProgramData\Andon\agent"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; gives the exit code: 0 good, 1 bad, 2 wrong input, 3 inconclusive."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if given.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("httpx", "httpcore", "tuf", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    command: Callable[[argparse.Namespace, Home], int] = given.command
    try:
        return command(given, Home(given.home.absolute()))  # what it starts stands in other folders
    except WireError as error:
        _say(f"error: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        return INPUT if isinstance(error, Malformed) else BAD
    except OSError as error:
        _say(f"error: {error}")
        return BAD


def _run(given: argparse.Namespace, home: Home) -> int:
    import asyncio

    from andon_agent.composing import Agent, Start

    del given
    around = dict(os.environ)  # noqa: TID251  the composition root
    named = around.get(_SLOT, "")
    slot: SlotName | None = "a" if named == "a" else "b" if named == "b" else None
    start = Start(home, slot, around.get(_VERSION, ""), around)

    async def serve() -> int:
        return await Agent(start, RealDisk()).serve()

    with home.alone():
        return asyncio.run(serve())


def _launch(given: argparse.Namespace, home: Home) -> int:
    """What the system's service runs: it starts the agent of a slot, and tries a new one."""
    from andon_agent import seeding
    from andon_agent.launcher import main as launcher
    from andon_agent.packaged import package_version

    if getattr(sys, "frozen", False):
        _forget_the_freezer()
        version = given.first_version or package_version() or "0"
        seeding.seed(home.folder, Path(sys.executable).resolve().parent, version, RealDisk())
    return launcher.main([str(home.folder)])


def _forget_the_freezer() -> None:
    """What PyInstaller put into our environment is of this bundle, and not for the one in a slot."""
    around = os.environ  # noqa: TID251  the composition root
    former = around.pop("LD_LIBRARY_PATH_ORIG", None)
    around.pop("LD_LIBRARY_PATH", None)
    if former:
        around["LD_LIBRARY_PATH"] = former
    for name in [each for each in around if each.startswith("_PYI_") or each == "_MEIPASS2"]:
        del around[name]


def _enrol(given: argparse.Namespace, home: Home) -> int:
    import asyncio

    from andon_agent import enrolling
    from andon_agent.client import Client, Place
    from andon_wire.enrolment import Token

    disk = RealDisk()
    if enrolling.is_enrolled(home, disk) and not given.again:
        name = enrolling.load(home, disk).station.name
        _say(f"error: this machine is the station {name} already\n  to be another: --again with a new token")
        return BAD
    ca, certificate, key = (each and each.absolute() for each in (given.ca, given.certificate, given.key))
    place = Place(given.url, ca, certificate, key)
    token = Token.parse(_token(given))

    async def ask() -> str:
        client = Client(place, time.time)  # noqa: TID251  the composition root
        try:
            enrolled = await enrolling.enrol(home, client, token, place=place, disk=disk)
        finally:
            await client.close()
        return enrolled.station

    with home.alone():
        name = asyncio.run(ask())
    _tell(f"this machine is the station {name}; its home is {home.folder}")
    _tell(_next_step(home))
    return GOOD


def _next_step(home: Home) -> str:
    """What is typed now. A home that is not the usual one has to be named again."""
    there = "" if str(home.folder) == _usual_home() else f" --home {shlex.quote(str(home.folder))}"
    return f"next: andon-agent{there} install-service, or andon-agent{there} run"


def _token(given: argparse.Namespace) -> str:
    """From a file, or from standard input, so that it stands in no list of processes."""
    if given.token_file is not None and str(given.token_file) != "-":
        return str(given.token_file.read_text("utf-8"))
    if sys.stdin.isatty():
        sys.stderr.write("enrolment token: ")
        sys.stderr.flush()
    return sys.stdin.readline()


def _status(given: argparse.Namespace, home: Home) -> int:
    from andon_agent import status

    found = status.status(home, RealDisk())
    text = json.dumps(found, indent=1, ensure_ascii=False) if given.json else "\n".join(status.lines(found))
    _tell(text)
    return status.exit_code(found)


def _inventory(given: argparse.Namespace, home: Home) -> int:
    from andon_agent import inventory

    del given
    folder = home.folder if home.folder.is_dir() else Path.cwd()
    _tell(inventory.machine(folder, "").model_dump_json(indent=1))
    return GOOD


def _install_service(given: argparse.Namespace, home: Home) -> int:
    wanted = service.Service(given.program, str(home.folder), given.user)
    if sys.platform == "win32":
        _tell(service.windows_steps(wanted))
        return GOOD
    text = service.systemd_unit(wanted)
    if given.print:
        sys.stdout.write(text)
        return GOOD
    place = Path(service.UNIT_FOLDER) / service.UNIT_NAME
    place.write_text(text, "utf-8")
    _tell(f"wrote {place}; next: systemctl daemon-reload && systemctl enable --now andon-agent")
    return GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("andon-agent", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, default=_default_home(), help="its folder; default %(default)s")
    parser.add_argument("--verbose", action="store_true", help="log each step")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="run the agent; stays in front")
    run.set_defaults(command=_run)
    launch = commands.add_parser("launch", help="start the agent of its slot; what a service runs")
    launch.add_argument("--first-version", default="", help="of this bundle, as the first agent")
    launch.set_defaults(command=_launch)
    enrol = commands.add_parser("enrol", help="make this machine a station, by a token of an administrator")
    enrol.add_argument("--url", required=True, help="of the control plane: https://host:port")
    enrol.add_argument("--token-file", type=Path, help="file with the token; else it is read from input")
    enrol.add_argument("--ca", type=Path, help="the plant's authority, the only one that is then believed")
    enrol.add_argument("--certificate", type=Path, help="for mutual TLS")
    enrol.add_argument("--key", type=Path, help="of that certificate")
    enrol.add_argument("--again", action="store_true", help="although it is a station already")
    enrol.set_defaults(command=_enrol)
    shown = commands.add_parser(
        "status",
        help="who this machine is, and how its units stand",
        description="Who this machine is, and how its units stand.",
        epilog=_EXIT_CODES,
    )
    shown.add_argument("--json", action="store_true", help="for programs")
    shown.set_defaults(command=_status)
    commands.add_parser("inventory", help="what is told of this machine").set_defaults(command=_inventory)
    made = commands.add_parser("install-service", help="let the system start the agent")
    made.add_argument("--print", action="store_true", help="only show it")
    made.add_argument("--user", default=service.USER, help="who runs it; default %(default)s")
    made.add_argument("--program", default=service.COMMAND, help="where the agent is; default %(default)s")
    made.set_defaults(command=_install_service)
    return parser


def _default_home() -> Path:
    named = os.environ.get(_HOME)  # noqa: TID251  the composition root
    if named:
        return Path(named)
    return Path(_usual_home())


def _usual_home() -> str:
    return _WINDOWS_HOME if sys.platform == "win32" else service.HOME


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
