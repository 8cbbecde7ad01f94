"""Stations of the bench: names and keys that server and agents work out by themselves."""

import hashlib
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from andon.fleet.model import Station
from andon.kernel.ids import EnvironmentName, StationName, UnitName, Version
from andon_wire.identity import PrivateKey
from andon_wire.protocol import Machine

UNIT, HERE = UnitName("screen"), EnvironmentName("production")
STABLE, CANDIDATE = Version("1.0.0"), Version("1.1.0")
RINGS = ("lab", "pilot", "line", "plant")


def key(name: str) -> PrivateKey:
    """The key of whoever has this name."""
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"bench {name}".encode()).digest()))


def name(number: int) -> str:
    return f"station-{number:05d}"


def station(number: int) -> Station:
    """One of them; ten stand in a line."""
    own = name(number)
    return Station(
        name=StationName(own),
        environment=HERE,
        ring=RINGS[min(3, number % 50)],
        line=f"line-{number // 10}",
        public_key=key(own).public,
        machine=Machine(id=own, hostname=own, platform="linux-x86_64", agent="1.0.0"),
        enrolled_at=datetime(2026, 1, 1, tzinfo=UTC),
        token="et-bench",
    )
