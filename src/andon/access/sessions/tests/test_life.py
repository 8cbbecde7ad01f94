"""Whatever people, thieves and administrators do in whatever order, a session is what its model says."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from andon.access.model import Grant
from andon.kernel.errors import AndonError
from andon.store.engine import Database
from andon.store.schema import metadata
from andon.testing.accounts import SOURCE, Accounts

IDLE, LONGEST = timedelta(hours=1), timedelta(hours=12)


class Life(RuleBasedStateMachine):
    opened = Bundle("opened")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.known = {}  # secret → begun, seen
        self.is_disabled = False

    def run_(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    @initialize()
    def a_plant(self):
        place = Path(self.folder.name)
        self.database = Database.open(f"sqlite:///{place / 'andon.db'}")

        async def start():
            async with self.database.transaction() as tx:
                await tx.run_sync(metadata.create_all)
            self.accounts = Accounts(self.database, place)
            return await self.accounts.person("mina", Grant("viewer"))

        self.user = self.run_(start())

    @rule(target=opened)
    def sign_in(self):
        try:
            made = self.run_(self.accounts.open(self.user))
        except AndonError:
            assert self.is_disabled
            return None
        assert not self.is_disabled
        now = self.accounts.now()
        self.known[made.secret] = [now, now]
        return made

    @rule(each=opened)
    def use(self, each):
        if each is None:
            return
        now, stands = self.accounts.now(), self.stands(each.secret)
        try:
            self.run_(self.accounts.sessions.principal(each.secret, source=SOURCE))
        except AndonError:
            assert not stands
        else:
            assert stands
            # Use is noted every 30 seconds at most.
            if now - self.known[each.secret][1] >= timedelta(seconds=30):
                self.known[each.secret][1] = now

    def stands(self, secret):
        if secret not in self.known or self.is_disabled:
            return False
        begun, seen = self.known[secret]
        now = self.accounts.now()
        return now - seen < IDLE and now - begun < LONGEST

    @rule(each=opened)
    def sign_out(self, each):
        if each is not None:
            self.run_(self.accounts.sessions.end(each.session_id, actor="mina", reason="signed out"))
            self.known.pop(each.secret, None)

    @rule()
    def end_all(self):
        self.run_(self.accounts.sessions.end_all_of(self.user.id, actor="boss", reason="leaked"))
        self.known.clear()

    @rule(is_disabled=st.booleans())
    def switch(self, is_disabled):
        self.run_(
            self.accounts.people.update(self.user.id, is_disabled=is_disabled, actor="setup", reason="x")
        )
        self.is_disabled = is_disabled
        if is_disabled:
            self.known.clear()

    @rule(minutes=st.sampled_from([0.25, 1, 30, 59, 60, 61]))
    def time_passes(self, minutes):
        self.accounts.clock.advance(timedelta(minutes=minutes))

    @invariant()
    def the_list_shows_exactly_what_stands(self):
        if not hasattr(self, "accounts"):
            return
        shown = len(self.run_(self.accounts.sessions.list(self.user.id)))
        assert shown == sum(self.stands(each) for each in self.known)

    def teardown(self):
        if hasattr(self, "accounts"):
            self.accounts.close()
            self.run_(self.database.close())
        self.loop.close()
        self.folder.cleanup()


Life.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
