"""Wires who may and who did: people, sessions, tokens, signatures, policies, secrets, the timeline's proof.

A part of the composition root beside `parts.py`. No rule lives here.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from andon.access.directory import groups
from andon.access.directory.ldap import LdapDirectory
from andon.access.directory.model import DirectorySettings, GroupRole
from andon.access.people.attempts import Attempts
from andon.access.people.choosing import Choosing
from andon.access.people.commands import People
from andon.access.people.guessing import Guesser
from andon.access.people.login import Login, with_age
from andon.access.people.members import Members
from andon.access.people.model import Demands
from andon.access.people.passwords import Passwords, Work
from andon.access.people.profiles import PROFILES
from andon.access.people.store import PeopleStore
from andon.access.policies.commands import Policies
from andon.access.policies.store import PolicyStore
from andon.access.secrets.keyfile import KeyFile
from andon.access.secrets.store import SecretStore
from andon.access.sessions import keys as session_keys
from andon.access.sessions.bearer import AccessTokens
from andon.access.sessions.devices import Devices
from andon.access.sessions.model import Limits
from andon.access.sessions.sessions import Sessions
from andon.access.sessions.store import DeviceStore, SessionStore
from andon.access.signatures import seal
from andon.access.signatures.commands import Signing
from andon.access.signatures.seal import Sealer
from andon.access.signatures.store import SignatureStore
from andon.access.tokens.store import TokenStore
from andon.access.tokens.tokens import Tokens
from andon.api.auditing import TimelineAudit
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Damaged, InvalidInput
from andon.kernel.ids import new_id
from andon.settings import DirectoryConnection, PasswordSettings, SessionSettings, Settings
from andon.store.engine import Database
from andon.timeline import keys as timeline_keys
from andon.timeline import verify
from andon.timeline.checkpoints import Checkpointer
from andon.timeline.checks import Memory
from andon.timeline.clock_watch import ClockWatch
from andon.timeline.export import Exporter
from andon.timeline.keys import KeyFiles
from andon.timeline.store import CheckpointStore, TimelineStore
from andon.timeline.witnesses import Peer, Witnesses
from andon_wire.note import Key, Malformed

_log = logging.get(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """What the edges and the loops use. directory: None where there are local accounts only."""

    people: People
    passwords: Passwords
    login: Login
    sessions: Sessions
    devices: Devices
    tokens: Tokens
    signatures: SignatureStore
    sealer: Sealer
    signing: Signing
    policies: Policies
    secrets: SecretStore
    audit: TimelineAudit
    checkpoints: Checkpointer
    witnesses: Witnesses
    clock_watch: ClockWatch
    directory: LdapDirectory | None

    async def forget(self) -> None:
        """Remove what has run out: failures, sessions, terminals that waited in vain."""
        await self.login.tick()
        await self.sessions.tick()
        await self.devices.tick()

    async def close(self) -> None:
        """Close the connections to witnesses and directory, and end what checks passwords."""
        self.passwords.close()
        await self.witnesses.close()
        if self.directory is not None:
            await self.directory.close()


def make_keys(home: Path, clock: Clock) -> None:
    """Make the keys of this home that are not there yet; those that are there stay as they are."""
    places = KeyFiles.at(home)
    if not places.key.exists():
        name = "".join(each if each.isalnum() else "-" for each in socket.gethostname()[:40])
        timeline_keys.ensure(places, f"andon/{name}-{new_id('tl', clock.now())[-8:]}")
    if not _seal_key(home).exists():
        seal.make(_seal_key(home))
    session_keys.load_or_make(_session_key(home), clock.now())


async def complete_keys(settings: Settings, home: Path, clock: Clock) -> None:
    """Make the keys that an older home has not got; one that was lost is not made anew in silence.

    Raises:
        Damaged: the key of what was signed already is gone.
    """
    database = Database.open(settings.database())
    try:
        lost = [
            path
            for path, signed in (
                (_seal_key(home), await SignatureStore(database).list(limit=1)),
                (KeyFiles.at(home).key, await CheckpointStore(database).latest()),
            )
            if signed and not path.exists()
        ]
    finally:
        await database.close()
    if lost:
        raise Damaged(
            "key-lost",
            f"{lost[0]} is gone, and the database holds what it signed",
            hint="bring it back from where keys are kept; docs/operations/keys.md says what its loss means",
        )
    make_keys(home, clock)


def people_of(settings: Settings, database: Database, clock: Clock) -> People:
    """People alone, for `andon init` and for recovery while nothing runs."""
    store, wanted = PeopleStore(database), settings.passwords
    return People(store, _choosing(wanted, store, _passwords(wanted), Attempts(store, clock)), clock)


def access_of(settings: Settings, home: Path, database: Database, clock: Clock) -> Access:
    """All of it over the home's keys and database.

    Raises:
        InvalidInput: a setting cannot be right. Damaged, Forbidden: a key file cannot be read, or others can.
    """
    store, demands = PeopleStore(database), _demands(settings.passwords)
    passwords, attempts = _passwords(settings.passwords), Attempts(store, clock)
    people = People(store, _choosing(settings.passwords, store, passwords, attempts), clock)
    secrets = SecretStore(database, KeyFile(settings.secrets.key or home / "keys" / "secrets.key"), clock)
    directory = _directory(settings.directory, secrets, clock)
    members = None
    if directory is not None:
        members = Members(
            store, directory, partial(groups.grants_of, mapping=_mapping(settings.directory)), clock
        )
    login = Login(store, passwords, attempts, demands, clock, members=members)
    limits = _limits(settings.sessions)
    bearer = AccessTokens(session_keys.load_or_make(_session_key(home), clock.now()))
    aged = partial(with_age, demands=demands, clock=clock)
    sessions = Sessions(SessionStore(database), store, bearer, clock, limits=limits, aged=aged)
    sealer, signatures = Sealer.load(_seal_key(home)), SignatureStore(database)
    policies = Policies(PolicyStore(database), signatures, sealer, people.roles, clock)
    places, peers = (
        KeyFiles.at(home),
        [_peer(each.url, each.key, each.ca) for each in settings.timeline.witnesses],
    )
    cosigners = [each.key for each in peers]
    witnesses = Witnesses(database, peers, clock)

    async def memories() -> Sequence[Memory]:
        found = await witnesses.memories(timeline_keys.public(places)[0].name)
        for each in found:
            if each.silence:
                _log.warning("witness silent", witness=each.name, reason=each.silence)
        return found

    return Access(
        people=people,
        passwords=passwords,
        login=login,
        sessions=sessions,
        devices=Devices(DeviceStore(database), sessions, attempts, clock, limits=limits),
        tokens=Tokens(TokenStore(database), store, clock, aged=aged),
        signatures=signatures,
        sealer=sealer,
        signing=Signing(signatures, sealer, login, policies, clock),
        policies=policies,
        secrets=secrets,
        audit=TimelineAudit(
            Exporter(database, places, clock, cosigners),
            lambda: verify.trust(timeline_keys.public(places), cosigners),
            memories,
            partial(Database.open, settings.database()),
        ),
        checkpoints=Checkpointer(database, places, clock),
        witnesses=witnesses,
        clock_watch=ClockWatch(TimelineStore(database), clock, tolerated=settings.timeline.clock_step),
        directory=directory,
    )


def _seal_key(home: Path) -> Path:
    return home / "keys" / "signatures.key"


def _session_key(home: Path) -> Path:
    return home / "keys" / "sessions.key"


def _demands(wanted: PasswordSettings) -> Demands:
    return Demands(PROFILES[wanted.profile], tuple(wanted.words))


def _passwords(wanted: PasswordSettings) -> Passwords:
    return Passwords(Work(parallel=wanted.parallel))


def _choosing(
    wanted: PasswordSettings, store: PeopleStore, passwords: Passwords, attempts: Attempts
) -> Choosing:
    return Choosing(store, passwords, Guesser(wanted.breached), attempts, _demands(wanted))


def _limits(wanted: SessionSettings) -> Limits:
    return Limits(idle=wanted.idle, longest=wanted.longest, access_token=wanted.access_token)


def _mapping(wanted: DirectoryConnection) -> tuple[GroupRole, ...]:
    return tuple(
        GroupRole(each.group, each.role, each.environment, each.unit, each.line)
        for each in wanted.group_roles
    )


def _directory(wanted: DirectoryConnection, secrets: SecretStore, clock: Clock) -> LdapDirectory | None:
    if not wanted.servers:
        return None
    taken: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in (
            "bind_dn", "base_dn", "name", "start_tls", "allow_plain", "user_filter", "login_attribute",
            "id_attribute", "display_name_attribute", "disabled_filter", "group_base_dn", "group_filter",
            "member_of_attribute", "nested_depth", "connect_timeout", "timeout", "total_timeout",
            "retry_dead_after",
        )
    }  # fmt: skip
    settings = DirectorySettings(
        servers=tuple(wanted.servers), ca_file=str(wanted.ca or ""), group_roles=_mapping(wanted), **taken
    )
    return LdapDirectory(settings, bind_password=lambda: secrets.get(wanted.bind_secret), clock=clock)


def _peer(url: str, key: str, ca_file: Path | None) -> Peer:
    try:
        return Peer(url, Key.parse(key), ca_file)
    except Malformed as error:
        raise InvalidInput(
            "bad-witness-key",
            f"ANDON_TIMELINE__WITNESSES: {key[:80]!r} is no verifier key: {error}",
            hint="copy the line that `andon witness` prints",
        ) from error
