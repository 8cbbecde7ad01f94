"""People, sessions and tokens as they really are, over a database and a clock that a test gives.

Hashing is cheap here; all else is the real thing. `FakePlant` (services.py) has fakes that cost nothing.
"""

from datetime import datetime
from functools import partial
from pathlib import Path

from andon.access.directory.groups import grants_of
from andon.access.directory.model import Directory, GroupRole
from andon.access.model import Grant, User
from andon.access.people.attempts import Attempts
from andon.access.people.choosing import Choosing
from andon.access.people.commands import People
from andon.access.people.guessing import Guesser
from andon.access.people.login import Login, with_age
from andon.access.people.members import Members
from andon.access.people.model import Demands
from andon.access.people.passwords import Passwords, Work
from andon.access.people.store import PeopleStore
from andon.access.sessions.bearer import AccessTokens
from andon.access.sessions.devices import Devices
from andon.access.sessions.keys import load_or_make
from andon.access.sessions.model import Opened
from andon.access.sessions.sessions import Sessions
from andon.access.sessions.store import DeviceStore, SessionStore
from andon.access.tokens.store import TokenStore
from andon.access.tokens.tokens import Tokens
from andon.kernel.clock import ManualClock
from andon.store.engine import Database
from andon.timeline.records import Record
from andon.timeline.store import Filter, TimelineStore

CHEAP = Work(memory_kib=8, passes=1)
PASSWORD = "a quiet lake in the north"  # noqa: S105  everybody's, in tests
SOURCE = "10.1.0.7"


class Accounts:
    """All parts of access that know people, wired as a plant wires them. Close it."""

    def __init__(  # noqa: PLR0913  what a test may want to choose
        self,
        database: Database,
        folder: Path,
        *,
        demands: Demands | None = None,
        directory: Directory | None = None,
        groups: tuple[GroupRole, ...] = (),
        work: Work = CHEAP,
        breached: Path | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.demands = demands or Demands()
        self.store = PeopleStore(database)
        self.passwords = Passwords(work)
        self.attempts = Attempts(self.store, self.clock)
        choosing = Choosing(self.store, self.passwords, Guesser(breached), self.attempts, self.demands)
        self.people = People(self.store, choosing, self.clock)
        members = (
            Members(self.store, directory, partial(grants_of, mapping=groups), self.clock)
            if directory
            else None
        )
        self.login = Login(
            self.store, self.passwords, self.attempts, self.demands, self.clock, members=members
        )
        self.access = AccessTokens(load_or_make(folder / "keys" / "sessions.json", self.clock.now()))
        aged = partial(with_age, demands=self.demands, clock=self.clock)
        self.sessions = Sessions(SessionStore(database), self.store, self.access, self.clock, aged=aged)
        self.devices = Devices(DeviceStore(database), self.sessions, self.attempts, self.clock)
        self.tokens = Tokens(TokenStore(database), self.store, self.clock, aged=aged)
        self._timeline = TimelineStore(database)

    async def person(self, login: str, *grants: Grant, password: str = PASSWORD) -> User:
        """Somebody with everybody's password, which need not be changed."""
        user, _ = await self.people.create(
            login,
            login.capitalize(),
            grants=grants,
            password=password,
            must_change=False,
            actor="setup",
            reason="test",
        )
        return user

    async def open(self, user: User, kind: str = "browser") -> Opened:
        """A session, without asking for the password."""
        return await self.sessions.open(user, kind=kind, source=SOURCE, agent="test", method="password")

    async def records(self, kind: str = "") -> list[Record]:
        """What the timeline says, the oldest first."""
        return await self._timeline.list(Filter(kind=kind), limit=10_000, newest_first=False)

    def now(self) -> datetime:
        """What time it is there."""
        return self.clock.now()

    def close(self) -> None:
        """End the threads that hash."""
        self.passwords.close()
