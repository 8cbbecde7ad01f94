"""How a machine becomes a station, and who it is afterwards.

The key is made here and never leaves; asked again after a cut, the machine shows the same key, so that an
answer that was lost costs no second token. What the answer brings is pinned: the fleet's key and the TUF
root. To enrol anew, with other keys of the plant or under another name, is a person's doing (`--again`): the
machine is who it was until the new answer is here, and what is installed goes on running.
"""

import json
import re
import secrets
from dataclasses import dataclass

from pydantic import ValidationError

from andon_agent import inventory, settings
from andon_agent.client import Client, Place, Station
from andon_agent.home import PRIVATE, Home
from andon_wire.disk import Disk, write_durably
from andon_wire.enrolment import Token, check_enrolled
from andon_wire.errors import Malformed, Missing, Unreachable
from andon_wire.identity import PrivateKey
from andon_wire.protocol import Enrol, Enrolled

_KEY_FILE = re.compile(r"key-[0-9a-f]{16}\.pem")


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Who this machine is. root: TUF root, as it was pinned; registries: as the plant named them then."""

    station: Station
    root: bytes
    line: str
    ring: str
    environment: str
    registries: tuple[str, ...]
    timeline_keys: tuple[str, ...]


def load(home: Home, disk: Disk) -> Identity:
    """Who this machine was enrolled as.

    Raises:
        Missing: it was not.
        Malformed: what was kept cannot be read.
    """
    try:
        content = disk.read(home.identity / "station.json")
        enrolled = Enrolled.model_validate_json(content)
        key = PrivateKey.load(disk.read(home.identity / _key_name(content)))
    except FileNotFoundError as error:
        raise Missing(
            "not-enrolled",
            f"this machine is no station yet: {error.filename} is not there",
            hint="andon-agent enrol --url https://... --token-file FILE",
        ) from error
    except (ValidationError, ValueError, OSError) as error:
        raise Malformed(
            "bad-identity",
            f"{home.identity} cannot be read: {error}",
            hint="enrol this machine again: andon-agent enrol --again",
        ) from error
    return Identity(
        Station(enrolled.station, key, enrolled.wanted_key),
        enrolled.root.encode(),
        enrolled.line,
        enrolled.ring,
        enrolled.environment,
        tuple(enrolled.registries),
        tuple(enrolled.timeline_keys),
    )


def is_enrolled(home: Home, disk: Disk) -> bool:
    """Whether there is an identity."""
    return disk.exists(home.identity / "station.json")


async def enrol(
    home: Home,
    client: Client,
    token: Token,
    *,
    place: Place,
    disk: Disk,
) -> Enrolled:
    """Become a station. What was pinned before stays until the answer is here and good.

    Raises:
        Untrusted: the answer is of another plant than the token.
        WireError: as `Client.enrol`.
    """
    disk.make_folder(home.identity)
    disk.chmod(home.identity, 0o700)
    name, key = _new_key(home, disk)
    machine = inventory.machine(home.folder, machine_id(home, disk))
    enrolled = await client.enrol(Enrol(token=str(token), public_key=key.public, machine=machine), key)
    check_enrolled(token, enrolled)
    _check_root(enrolled)
    _keep(home, disk, enrolled, name)
    write_settings(home, disk, place)
    return enrolled


def machine_id(home: Home, disk: Disk) -> str:
    """The id of a machine whose system keeps none; made once."""
    place = home.identity / "machine"
    if not disk.exists(place):
        disk.make_folder(home.identity)
        write_durably(disk, place, secrets.token_hex(16).encode())
    return disk.read(place).decode("ascii", "replace")[:120]


def _key_name(content: bytes) -> str:
    """The file of the key, as station.json names it: so that key and pins change in one step."""
    found = json.loads(content).get("key_file")
    if not isinstance(found, str) or not _KEY_FILE.fullmatch(found):
        raise ValueError("station.json names no key")
    return found


def _new_key(home: Home, disk: Disk) -> tuple[str, PrivateKey]:
    """A key that is no station's yet; the same again until an answer to it is here."""
    pending = home.identity / "pending"
    if disk.exists(pending):
        name = disk.read(pending).decode("ascii", "replace")
        if _KEY_FILE.fullmatch(name) and disk.exists(home.identity / name):
            return name, PrivateKey.load(disk.read(home.identity / name))
    key = PrivateKey.generate()
    name = f"key-{key.public[:16]}.pem"
    write_durably(disk, home.identity / name, key.pem(), mode=PRIVATE)
    write_durably(disk, pending, name.encode())
    return name, key


def _check_root(enrolled: Enrolled) -> None:
    """It is only looked at whether it is metadata at all; `andon_wire.verify` looks at the rest."""
    try:
        kind = json.loads(enrolled.root)["signed"]["_type"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed("bad-root", "the answer to the enrolment brings no TUF root") from error
    if kind != "root":
        raise Malformed("bad-root", "the answer to the enrolment brings other metadata than a TUF root")


def _keep(home: Home, disk: Disk, enrolled: Enrolled, key_name: str) -> None:
    """In one step, by station.json; what other keys vouched for goes before that, the old key after it."""
    try:
        disk.remove(home.wanted)
        for folder in (home.trust, home.witness):
            disk.remove_tree(folder)
        content = json.dumps({**enrolled.model_dump(mode="json"), "key_file": key_name}, indent=1)
        write_durably(disk, home.identity / "station.json", content.encode(), mode=PRIVATE)
        for name in disk.names(home.identity):
            if name == "pending" or (_KEY_FILE.fullmatch(name) and name != key_name):
                disk.remove(home.identity / name)
    except OSError as error:
        raise Unreachable(
            "home-unwritable",
            f"{home.folder} cannot be written: {error}",
            hint="enrol again; the token is good",
        ) from error


def write_settings(home: Home, disk: Disk, place: Place) -> None:
    """The settings of a machine that has none; where there are some, only what was said anew changes.

    Raises:
        Unreachable: they cannot be written.
    """
    path, files = home.folder / settings.NAME, place.files()
    try:
        if not disk.exists(path):
            write_durably(disk, path, settings.first(place.url, files))
            return
        former = disk.read(path)
        content = settings.renewed(former, place.url, files)
        if content != former:
            write_durably(disk, path, content)
    except OSError as error:
        raise Unreachable("home-unwritable", f"{path} cannot be written: {error}") from error
