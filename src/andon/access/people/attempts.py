"""Counts attempts in the database, so that a restart forgives nobody, and tells failures.

The rules stand in `lockout.py`.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from andon.access.people import lockout
from andon.access.people.authority import subject_of
from andon.access.people.lockout import Count, Limits
from andon.access.people.model import Account, Demands, Purpose
from andon.access.people.names import key_of
from andon.access.people.store import PeopleStore
from andon.kernel.addresses import origin_of
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Forbidden
from andon.timeline.records import Event, Severity

_ALERT_AT = 10
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password to be looked at. key: under which failures count; limits: of all keys that count it."""

    key: str
    limits: Mapping[str, Limits]
    purpose: Purpose
    source: str
    subject: str

    @classmethod
    def of(
        cls, account: Account | None, login: str, *, demands: Demands, source: str, purpose: Purpose
    ) -> "Attempt":
        """One for `account`, or for a login that nobody has. source: the address; empty: this process."""
        # What was typed as an unknown login is not told: it may be a password.
        subject = "user/unknown" if account is None else subject_of(account.user.login)
        limits = lockout.of_account(
            is_unlocked_by_time=demands.profile.is_unlocked_by_time,
            is_sealed=account is not None and account.user.is_break_glass,
        )
        if purpose is Purpose.SIGN and account is not None:
            # No address: whoever signs is signed in, and shares the address with people who are not.
            key = sign_key(account.user.id)
            return cls(key, {key: limits}, purpose, source, subject)
        key = account_key(key_of(login))
        of_address = {address_key(source): lockout.ADDRESS} if source else {}
        return cls(key, {key: limits, **of_address}, purpose, source, subject)


class Attempts:
    """Lets attempts begin, and takes back those that were right."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def prove(self, attempt: Attempt, look: Callable[[], Awaitable[_T]]) -> _T:
        """What `look` gives at the right password. It is counted before, and told where it was wrong.

        Raises:
            Forbidden: `locked-out`; what `look` raises, of which only `bad-credentials` is a failure.
        """
        counts = await self.begin(attempt.limits)
        try:
            found = await look()
        except AndonError as error:
            if error.code == "bad-credentials":
                await self._tell_failure(attempt, counts[attempt.key])
            else:
                await self.give_back(attempt.limits)
            raise
        await self.succeeded(attempt.key, set(attempt.limits) - {attempt.key})
        return found

    async def begin(self, limits: Mapping[str, Limits]) -> dict[str, Count]:
        """Count one attempt for each key before it is looked at; gives the counts with it.

        Raises:
            Forbidden: `locked-out`; one of the keys must wait. Such an attempt is not counted.
        """
        now = self._clock.now()
        async with self._store.changing() as change:
            before = await change.counts(sorted(limits))
            waits = [each for each in (lockout.wait(count, now) for count in before.values()) if each]
            if not waits:
                after = {key: lockout.attempted(before[key], limits[key], now) for key in before}
                for key, count in after.items():
                    await change.put_count(key, count)
                return after
        raise locked_out(max(waits))

    async def give_back(self, keys: Collection[str]) -> None:
        """These attempts were no failures: nobody could say whether the password was right, or it was."""
        async with self._store.changing() as change:
            counts = await change.counts(sorted(keys))
            for key, count in counts.items():
                await change.put_count(key, lockout.given_back(count))

    async def succeeded(self, cleared: str, given_back: Collection[str]) -> None:
        """A right password ends the row of failures of an account, not that of an address."""
        async with self._store.changing() as change:
            counts = await change.counts(sorted({cleared, *given_back}))
            for key, count in counts.items():
                await change.put_count(key, lockout.NONE if key == cleared else lockout.given_back(count))

    async def forget(self) -> None:
        """Remove counts that mean nothing any more."""
        async with self._store.changing() as change:
            await change.remove_counts(self._clock.now() - lockout.ACCOUNT.forget)

    async def _tell_failure(self, attempt: Attempt, count: Count) -> None:
        is_locked = count.blocked_until is not None
        after: dict[str, object] = {"failures": count.failures}
        if count.blocked_until is not None:
            after["until"] = count.blocked_until.isoformat()
        what = "wrong password at signing" if attempt.purpose is Purpose.SIGN else "wrong login or password"
        event = Event(
            "access.locked-out" if is_locked else "access.login-failed",
            attempt.subject,
            "login",
            f"{count.failures} failed attempts in a row: {what}" if is_locked else what,
            severity=_severity(count),
            after=after,
            source=attempt.source,
        )
        async with self._store.changing() as change:
            change.tell(event, self._clock.now())


def _severity(count: Count) -> Severity:
    """One alert for a row of failures, not one for each."""
    if count.failures == _ALERT_AT:
        return Severity.ALERT
    return Severity.WARNING if count.blocked_until is not None else Severity.INFO


def locked_out(wait: timedelta) -> Forbidden:
    """Too many failures; says nothing of whether there is such a login."""
    seconds = max(1, round(wait.total_seconds()))
    if wait > timedelta(days=1):
        hint = "an administrator unlocks it: andon users unlock LOGIN"
    else:
        hint = (
            f"try again in {seconds} seconds"
            if seconds < 120
            else f"try again in {seconds // 60 + 1} minutes"
        )
    return Forbidden("locked-out", "too many failed attempts", hint=hint, needs={"retry_after_s": seconds})


def account_key(login_key: str) -> str:
    """The key of a login. Hashed: what was typed there may be a password."""
    return "account:" + hashlib.sha256(login_key.encode("utf-8", "surrogatepass")).hexdigest()


def sign_key(user_id: str) -> str:
    """The key of a person's signatures."""
    return "sign:" + hashlib.sha256(user_id.encode()).hexdigest()


def address_key(source: str) -> str:
    """The key of an address; of IPv6 its /64, which one machine has whole."""
    return "address:" + hashlib.sha256(origin_of(source).encode("utf-8", "surrogatepass")).hexdigest()
