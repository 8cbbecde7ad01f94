"""The one place where a password is checked, of people kept here and of people whom the directory keeps.

A local account exists only because an administrator made it, so it wins over the directory: its login never
reaches the directory, and a person of the directory with the same login is refused. Each check costs one
hash, whether or not there is such a login. It fails closed: without an answer of the directory nobody comes
in by it; the sealed break-glass account is local for that case.
"""

from dataclasses import replace

from andon.access.model import Source, User
from andon.access.people import profiles
from andon.access.people.attempts import Attempt, Attempts
from andon.access.people.members import Members
from andon.access.people.model import Account, Demands, Purpose
from andon.access.people.passwords import Passwords
from andon.access.people.store import PeopleStore
from andon.kernel.clock import Clock
from andon.kernel.errors import Forbidden


class Login:
    """Checks logins and passwords. members: people of the directory; None where there is none."""

    def __init__(
        self,
        store: PeopleStore,
        passwords: Passwords,
        attempts: Attempts,
        demands: Demands,
        clock: Clock,
        *,
        members: Members | None = None,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._attempts = attempts
        self._demands = demands
        self._clock = clock
        self._members = members

    async def check(
        self, login: str, password: str, *, source: str, purpose: Purpose = Purpose.SIGN_IN
    ) -> tuple[User, str]:
        """The person, and how: `password` or `directory`. source: the address that asks; empty: this process.

        The person's `must_change_password` says also that the password is too old for the profile.
        purpose: `SIGN` only for somebody whose session stands and who gives their own login.

        Raises:
            Forbidden: `bad-credentials`, whatever of the two is wrong; `locked-out`, with the wait in the
                hint; and after the right password `account-disabled`, `password-expired`, `no-role`,
                `login-taken`.
            Throttled: too many sign in at this moment.
            Unavailable, Damaged: the directory does not answer, or not in a way that can be used.
        """
        account = await self._store.find_by_login(login)
        attempt = Attempt.of(account, login, demands=self._demands, source=source, purpose=purpose)
        return await self._attempts.prove(attempt, lambda: self._prove(account, login, password))

    async def recheck(self) -> None:
        """Ask the directory again for everybody with a session or a token; for a loop of a few minutes.

        Raises:
            Unavailable, Damaged: the directory does not answer; sessions stand until they run out.
        """
        if self._members is not None:
            await self._members.recheck()

    async def tick(self) -> None:
        """Forget failures that mean nothing any more."""
        await self._attempts.forget()

    async def _prove(self, account: Account | None, login: str, password: str) -> tuple[User, str]:
        is_local = account is not None and account.user.source is Source.LOCAL
        if account is not None and is_local:
            return await self._prove_local(account, password), "password"
        await self._passwords.verify(None, password)
        if self._members is None or not password:
            raise bad_credentials()
        return await self._members.enter(login, password), "directory"

    async def _prove_local(self, account: Account, password: str) -> User:
        if not await self._passwords.verify(account.password_hash or None, password):
            raise bad_credentials()
        now = self._clock.now()
        if account.user.is_disabled:
            raise Forbidden("account-disabled", "this account is disabled", hint="ask an administrator")
        if account.password_expires_at is not None and account.password_expires_at <= now:
            raise Forbidden(
                "password-expired",
                "this one-time password was not used in time",
                hint="ask an administrator for another",
            )
        is_outdated = self._passwords.is_outdated(account.password_hash)
        renewed = await self._passwords.hash(password) if is_outdated else ""
        async with self._store.changing() as change:
            present = await change.get(account.user.id)
            if present.password_hash != account.password_hash:
                raise bad_credentials()  # it was changed while we looked
            kept = replace(
                present,
                user=replace(present.user, last_login_at=now),
                password_hash=renewed or present.password_hash,
            )
            await change.save(kept)
        return with_age(kept.user, self._demands, self._clock)


def with_age(user: User, demands: Demands, clock: Clock) -> User:
    """The person, who must change their password also where it is too old for the profile."""
    is_aged = user.source is Source.LOCAL and profiles.is_aged(
        demands.profile, user.password_changed_at, clock.now()
    )
    return replace(user, must_change_password=True) if is_aged else user


def bad_credentials() -> Forbidden:
    """The one answer to a wrong login and to a wrong password."""
    return Forbidden("bad-credentials", "login or password is wrong")
