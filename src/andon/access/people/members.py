"""People whom the directory keeps: made at their first sign-in, refreshed at each, and asked for again.

Identity is the directory's id (entryUUID, objectGUID), never the login: somebody else who gets a former
person's login there is refused here (21 CFR 11.100). A renamed person keeps the first login.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from andon.access.directory.model import Directory, DirectoryPerson
from andon.access.model import Grant, Source, User
from andon.access.people import names
from andon.access.people.authority import subject_of
from andon.access.people.codec import told
from andon.access.people.model import Account, DisabledBy
from andon.access.people.store import Change, PeopleStore
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Forbidden
from andon.kernel.ids import new_id
from andon.timeline.records import Event, Severity

_log = logging.get(__name__)
_ACTOR = "directory"
# From the groups of a person to their grants (`access/directory/groups.py`).
GrantsOf = Callable[[Iterable[str]], tuple[Grant, ...]]


class Members:
    """Lets people of the directory in, and out."""

    def __init__(self, store: PeopleStore, directory: Directory, grants_of: GrantsOf, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._grants_of = grants_of
        self._clock = clock

    async def enter(self, login: str, password: str) -> User:
        """The person, as the directory has them at this moment.

        Raises:
            Forbidden: `bad-credentials`, `account-disabled`, `no-role`, `login-taken`, `login-reserved`.
            Unavailable, Damaged: the directory did not give a usable answer.
        """
        try:
            person = await self._directory.authenticate(login, password)
        except Forbidden as error:
            if error.code == "account-disabled":
                await self._disabled_there(login)
            raise
        if person.is_disabled:
            await self._leave(person.id, "account disabled in the directory")
            raise _disabled()
        try:
            return await self._settle(person)
        except Conflict:  # their first two sign-ins came at once: by now the row is there
            return await self._settle(person)

    async def _settle(self, person: DirectoryPerson) -> User:
        refused: Forbidden | None = None
        user: User | None = None
        async with self._store.changing() as change:
            account = await change.find_by_directory(person.id)
            if account is None:
                user, refused = await self._first(change, person)
            elif account.disabled_by is DisabledBy.ADMIN:
                refused = _disabled()
            else:
                user = await self._refresh(change, account, person, has_entered=True)
        if user is None:
            raise refused or _disabled()
        return user

    async def recheck(self) -> None:
        """Ask for everybody who has a session or a token: who is gone or disabled there is out here."""
        for account in await self._store.directory_in_use(self._clock.now()):
            person = await self._directory.find(account.user.directory_id)
            if person is None:
                await self._leave(account.user.directory_id, "account gone from the directory")
            elif person.is_disabled:
                await self._leave(account.user.directory_id, "account disabled in the directory")
            else:
                async with self._store.changing() as change:
                    present = await change.get(account.user.id)
                    if present.disabled_by is DisabledBy.NOBODY:
                        await self._refresh(change, present, person, has_entered=False)

    async def _first(self, change: Change, person: DirectoryPerson) -> tuple[User | None, Forbidden | None]:
        now, grants = self._clock.now(), self._grants_of(person.groups)
        taken = await change.find_by_key(names.key_of(person.login))
        if taken is not None and taken.user.directory_id == person.id:  # made a moment ago by another request
            return await self._refresh(
                change, await change.get(taken.user.id), person, has_entered=True
            ), None
        if names.is_reserved(person.login):
            return None, _reserved(change, person, now)
        if taken is not None:
            why = f"the directory gave login {taken.user.login} to another person"
            event = Event(
                "access.login-refused", subject_of(taken.user.login), _ACTOR, why, severity=Severity.WARNING
            )
            change.tell(event, now)
            return None, Forbidden(
                "login-taken",
                "this login belongs to another person in Andon",
                hint="logins are never given again: ask for another in the directory",
            )
        if len(person.login) > names.LONGEST_NAMED:
            return None, Forbidden(
                "login-too-long",
                f"this login has {len(person.login)} characters; records name at most {names.LONGEST_NAMED}",
                hint="ask for a shorter one in the directory",
            )
        if not grants:
            return None, Forbidden(
                "no-role",
                "none of your groups has a role in Andon",
                hint="ask an administrator for a group; ANDON_DIRECTORY__GROUPS says which have roles",
            )
        user = User(
            id=new_id("us", now),
            login=person.login,
            display_name=person.display_name[:200],
            source=Source.DIRECTORY,
            grants=grants,
            created_at=now,
            directory_id=person.id,
            last_login_at=now,
        )
        await change.add(Account(user))
        change.tell(_event("access.user-created", user, "first sign-in", {}, told(user)), now)
        return user, None

    async def _refresh(
        self, change: Change, account: Account, person: DirectoryPerson, *, has_entered: bool
    ) -> User:
        now, old = self._clock.now(), account.user
        user = replace(
            old,
            display_name=person.display_name[:200],
            grants=self._grants_of(person.groups),
            is_disabled=False,
            last_login_at=now if has_entered else old.last_login_at,
        )
        await change.save(replace(account, user=user, disabled_by=DisabledBy.NOBODY))
        before, after = told(old), told(user)
        for name, kind in (
            ("display_name", "access.user-renamed"),
            ("grants", "access.grants-changed"),
            ("is_disabled", "access.user-enabled"),
        ):
            if before[name] != after[name]:
                told_now = _event(
                    kind, user, "as the directory says", {name: before[name]}, {name: after[name]}
                )
                change.tell(told_now, now)
        return user

    async def _disabled_there(self, login: str) -> None:
        account = await self._store.find_by_login(login)
        if account is not None and account.user.directory_id:
            await self._leave(account.user.directory_id, "account disabled in the directory")

    async def _leave(self, directory_id: str, why: str) -> None:
        now = self._clock.now()
        async with self._store.changing() as change:
            account = await change.find_by_directory(directory_id)
            if account is None or account.user.is_disabled:
                return
            user = replace(account.user, is_disabled=True)
            await change.save(replace(account, user=user, disabled_by=DisabledBy.DIRECTORY))
            await change.end_sessions(user.id, now, why)
            await change.revoke_tokens(user.id, now, _ACTOR)
            is_off: dict[str, object] = {"is_disabled": True}
            change.tell(_event("access.user-disabled", user, why, {"is_disabled": False}, is_off), now)
        _log.info("person left", user=user.id, reason=why)


def _reserved(change: Change, person: DirectoryPerson, now: datetime) -> Forbidden:
    """Nobody is called as a part of Andon is: their records could not be told from its own."""
    why = f"login {person.login} of the directory names a part of Andon"
    _log.error("directory login refused", login=person.login, directory_id=person.id, reason=why)
    change.tell(
        Event("access.login-refused", subject_of(person.login), _ACTOR, why, severity=Severity.WARNING), now
    )
    return Forbidden(
        "login-reserved",
        "this login names a part of Andon, and nobody signs in by it",
        hint="ask for another in the directory",
    )


def _disabled() -> Forbidden:
    return Forbidden("account-disabled", "this account is disabled", hint="ask an administrator")


def _event(kind: str, user: User, why: str, before: dict[str, object], after: dict[str, object]) -> Event:
    return Event(kind, subject_of(user.login), _ACTOR, why, before=before, after=after)
