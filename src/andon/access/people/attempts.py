"""Counts attempts in the database, so that a restart forgives nobody. The rules stand in `lockout.py`."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import timedelta

from andon.access.people import lockout
from andon.access.people.lockout import Count, Limits
from andon.access.people.store import PeopleStore
from andon.kernel.addresses import origin_of
from andon.kernel.clock import Clock
from andon.kernel.errors import Forbidden


class Attempts:
    """Lets attempts begin, and takes back those that were right."""

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

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


def address_key(source: str) -> str:
    """The key of an address; of IPv6 its /64, which one machine has whole."""
    return "address:" + hashlib.sha256(origin_of(source).encode("utf-8", "surrogatepass")).hexdigest()
