"""How a machine becomes a station, and who it is afterwards.

The key is made here and never leaves; asked again after a cut, the machine shows the same key, so that an
answer that was lost costs no second token. What the answer brings is pinned: the fleet's key and the TUF
root. To enrol anew, with other keys of the plant or under another name, is a person's doing (`--again`).
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from andon_agent import inventory, settings
from andon_agent.client import Client, Station
from andon_agent.home import PRIVATE, Home
from andon_wire.disk import Disk, write_durably
from andon_wire.enrolment import EnrolmentText, check_enrolled
from andon_wire.errors import Malformed, Missing, Unreachable, Untrusted
from andon_wire.identity import PrivateKey
from andon_wire.protocol import Enrol, Enrolled

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


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
        enrolled = Enrolled.model_validate_json(disk.read(home.identity / "station.json"))
        key = PrivateKey.load(disk.read(home.identity / "key.pem"))
    except FileNotFoundError as error:
        raise Missing(
            "not-enrolled",
            f"this machine is no station yet: {error.filename} is not there",
            hint="andon-agent enrol --url https://... --token-file FILE",
        ) from error
    except (ValidationError, OSError) as error:
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
    text: EnrolmentText,
    *,
    url: str,
    ca: Path | None,
    disk: Disk,
) -> Enrolled:
    """Become a station. What was pinned before stays until the answer is here and good.

    Raises:
        Untrusted: the answer is of another plant than the text, or could be of anybody.
        WireError: as `Client.enrol`.
    """
    check_way(text, url)
    disk.make_folder(home.identity)
    disk.chmod(home.identity, 0o700)
    key = _key(home, disk)
    machine = inventory.machine(home.folder, machine_id(home, disk))
    enrolled = await client.enrol(Enrol(token=text.token, public_key=key.public, machine=machine), key)
    check_enrolled(text, enrolled)
    _check_root(enrolled)
    _keep(home, disk, enrolled, url, ca)
    return enrolled


def check_way(text: EnrolmentText, url: str) -> None:
    """Refuse to believe whoever answers: without TLS the text has to name the plant.

    Raises:
        Untrusted: neither holds.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not text.pin and (parts.hostname or "") not in _LOOPBACK:
        raise Untrusted(
            "nobody-vouches",
            f"{url} is not https and the token names no plant: anybody in between could answer",
            hint="use https, with --ca for the plant's own authority, or a token with a pin",
        )


def machine_id(home: Home, disk: Disk) -> str:
    """The id of a machine whose system keeps none; made once."""
    place = home.identity / "machine"
    if not disk.exists(place):
        disk.make_folder(home.identity)
        write_durably(disk, place, secrets.token_hex(16).encode())
    return disk.read(place).decode("ascii", "replace")[:120]


def forget(home: Home, disk: Disk) -> None:
    """Let a machine be nobody: key and pins go, and with them what they vouched for. Slots stay."""
    disk.remove_tree(home.identity)
    for path in (home.wanted, home.folder / "revision"):
        disk.remove(path)
    for folder in (home.trust, home.witness, home.downloads):
        disk.remove_tree(folder)


def _key(home: Home, disk: Disk) -> PrivateKey:
    place = home.identity / "key.pem"
    if disk.exists(place):
        return PrivateKey.load(disk.read(place))
    key = PrivateKey.generate()
    write_durably(disk, place, key.pem(), mode=PRIVATE)
    return key


def _check_root(enrolled: Enrolled) -> None:
    """It is only looked at whether it is metadata at all; `andon_wire.verify` looks at the rest."""
    try:
        kind = json.loads(enrolled.root)["signed"]["_type"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed("bad-root", "the answer to the enrolment brings no TUF root") from error
    if kind != "root":
        raise Malformed("bad-root", "the answer to the enrolment brings other metadata than a TUF root")


def _keep(home: Home, disk: Disk, enrolled: Enrolled, url: str, ca: Path | None) -> None:
    """station.json last: with it the machine is a station."""
    try:
        for stale in (home.wanted, home.folder / "revision"):
            disk.remove(stale)
        disk.remove_tree(home.trust)
        if not disk.exists(home.folder / settings.NAME):
            write_durably(disk, home.folder / settings.NAME, settings.first(url, ca))
        content = enrolled.model_dump_json(indent=1).encode()
        write_durably(disk, home.identity / "station.json", content, mode=PRIVATE)
    except OSError as error:
        raise Unreachable(
            "home-unwritable",
            f"{home.folder} cannot be written: {error}",
            hint="enrol again; the token is good",
        ) from error
