"""How the registry's keys stand: who holds them, how many sign, until when it holds, and what to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from tuf.api.metadata import Snapshot, Timestamp

from andon.kernel.clock import Clock
from andon.releases import keys, roles, state
from andon.releases.ceremony.holders import holder_of
from andon.releases.ceremony.server import Ceremonies, Outcome
from andon.releases.layout import Layout
from andon.releases.roles import Lifetimes, Roles
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Storage

_ONLINE = frozenset({Snapshot.type, Timestamp.type})
_LATE = 12  # part of a life: what has less left than this is a fault


class Worry(StrEnum):
    """How pressing it is."""

    NONE = "none"
    SOON = "soon"  # less than a quarter of its life is left
    LATE = "late"  # less than a twelfth
    OVER = "over"  # run out: nothing is installed
    KEYS = "keys"  # it can only be signed here, and its keys are not here


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key of a role. holder: empty where it is no person's; is_here: its private half is here."""

    key_id: str
    holder: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class RoleStanding:
    """A role. advice: what to do; empty where there is nothing."""

    role: str
    version: int
    expires_at: datetime
    threshold: int
    keys: tuple[KeyStanding, ...]
    worry: Worry
    advice: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it. waiting: a request at its holders, and what it lacks."""

    is_development: bool
    roles: tuple[RoleStanding, ...]
    waiting: Outcome | None

    @property
    def worst(self) -> RoleStanding:
        """The role that is most pressing; the first of those that are alike."""
        order = list(Worry)
        return max(self.roles, key=lambda each: (order.index(each.worry), -self.roles.index(each)))


def standing(
    layout: Layout, clock: Clock, lives: Lifetimes | None = None, storage: Storage | None = None
) -> Standing:
    """How the keys of a home stand now.

    Raises:
        NotFound: there is no registry here yet. Untrusted: it is not what was signed.
    """
    now, at = state.load(layout, storage or Folder(layout.registry)), clock.now()
    return Standing(
        keys.is_development(layout.home),
        tuple(_role(layout, now, role, lives or Lifetimes(), at) for role in roles.ROLES),
        Ceremonies(layout, clock, lives, storage).waiting(),
    )


def _role(layout: Layout, now: Roles, role: str, lives: Lifetimes, at: datetime) -> RoleStanding:
    wanted, signed = now.root.get_delegated_role(role), now.of(role)
    here = {each.public_key.keyid for each in keys.load(layout, role)}
    is_here = len(here & set(wanted.keyids)) >= wanted.threshold
    is_following = keys.is_following(layout)
    worry = _worry(role, signed.expires - at, lives.of(role), is_here=is_here or is_following)
    advice = _to_bring(worry, signed.expires) if is_following else ""
    return RoleStanding(
        role,
        signed.version,
        signed.expires,
        wanted.threshold,
        tuple(
            KeyStanding(each, holder_of(now.root.get_key(each)), each in here)
            for each in sorted(wanted.keyids)
        ),
        worry,
        advice or _advice(role, worry, signed.expires, is_here=is_here),
    )


def _worry(role: str, left: timedelta, life: timedelta, *, is_here: bool) -> Worry:
    if left <= timedelta():
        return Worry.OVER
    if role in _ONLINE and not is_here:
        return Worry.KEYS
    if left < life / _LATE:
        return Worry.LATE
    return Worry.SOON if left < life / 4 else Worry.NONE


def _to_bring(worry: Worry, until: datetime) -> str:
    """Of a registry that is signed elsewhere."""
    if worry is Worry.NONE:
        return ""
    return f"before {until:%Y-%m-%d}: bring what is newer, by andon bundle import FILE"


def _advice(role: str, worry: Worry, until: datetime, *, is_here: bool) -> str:
    by = f"{until:%Y-%m-%d}"
    match worry:
        case Worry.NONE:
            return ""
        case Worry.KEYS:
            return f"put the keys back into keys/{role}, or: andon keys exchange {role}"
        case Worry.SOON | Worry.LATE | Worry.OVER if is_here:
            return f"let Andon run, which signs {role} anew by itself; it holds until {by}"
        case Worry.SOON | Worry.LATE | Worry.OVER:
            return f"before {by}: andon keys propose --reason renewal, then let the holders sign"
        case _:
            assert_never(worry)
