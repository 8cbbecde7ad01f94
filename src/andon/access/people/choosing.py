"""Choosing a password: whether a new one may be used, and proof that the old one is known."""

from collections.abc import Collection

from andon.access.people import profiles
from andon.access.people.attempts import Attempt, Attempts
from andon.access.people.guessing import Guesser
from andon.access.people.model import Account, Demands, Purpose
from andon.access.people.passwords import Passwords
from andon.access.people.store import PeopleStore
from andon.kernel.errors import Forbidden, InvalidInput
from andon.timeline import origin

_OWN_WORDS = ("andon",)


class Choosing:
    """Holds new passwords against the profile, the lists and the person's former ones."""

    def __init__(
        self,
        store: PeopleStore,
        passwords: Passwords,
        guesser: Guesser,
        attempts: Attempts,
        demands: Demands,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._guesser = guesser
        self._attempts = attempts
        self._demands = demands

    async def hash(self, password: str) -> str:
        """The hash to keep; raises Throttled."""
        return await self._passwords.hash(password)

    async def check(self, password: str, about: Collection[str], *, former: str | None = None) -> None:
        """Pass where the profile takes it. about: login and name; former: the one in use, where known.

        Raises:
            InvalidInput: `bad-password`, with a sentence for each rule that it breaks.
        """
        words = [*_OWN_WORDS, *self._demands.words, *about]
        words += [part for each in about for part in each.replace("@", " ").replace(".", " ").split()]
        # What is too long is not looked at: judging costs more the longer it is.
        commonness = await self._guesser.judge(password, words) if len(password) <= profiles.LONGEST else None
        found = profiles.faults(
            password, self._demands.profile, words=words, commonness=commonness, former=former
        )
        if found:
            raise InvalidInput(
                "bad-password",
                "this password cannot be used: " + "; ".join(found),
                hint="several words that belong together only for you make a good one",
            )

    async def check_history(self, account: Account, password: str) -> None:
        """Pass where it is none of the person's last passwords, as many as the profile says.

        Raises:
            InvalidInput: `password-reused`.
        """
        count = self._demands.profile.history
        if not count:
            return
        for kept in await self._store.former_passwords(account.user.id, count):
            if await self._passwords.verify(kept, password):
                raise InvalidInput(
                    "password-reused",
                    f"this password is one of the last {count}",
                    hint="choose one that you have not used",
                )

    async def prove(self, account: Account, password: str) -> None:
        """Pass where `password` is the person's; a wrong one counts, and is told, as a failed sign-in.

        Raises:
            Forbidden: `bad-credentials`, `locked-out`. Throttled: too many at once.
        """
        attempt = Attempt.of(
            account,
            account.user.login,
            demands=self._demands,
            source=origin.current().source,
            purpose=Purpose.SIGN_IN,
        )

        async def look() -> None:
            if not await self._passwords.verify(account.password_hash or None, password):
                raise Forbidden("bad-credentials", "the old password is wrong")

        await self._attempts.prove(attempt, look)
