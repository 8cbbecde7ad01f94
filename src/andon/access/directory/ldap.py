"""The directory over LDAP: several servers tried in order, in threads of its own, and failing closed.

What one server is asked stands in `questions.py`, how it is reached in `link.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from andon.access.directory.link import Link, Refused
from andon.access.directory.model import (
    DirectoryPerson,
    DirectorySettings,
    ServerAddress,
    is_possible_password,
    normal_login,
)
from andon.access.directory.questions import Questions, bad_credentials
from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Damaged, Unavailable

_log = logging.get(__name__)
_T = TypeVar("_T")

# A directory that hangs must not take the threads that the rest of Andon works with.
_THREADS = 4
_HINT = "Plant IT: Andon's log and `andon doctor` say what is wrong. A break-glass account works meanwhile."


class LdapDirectory:
    """A `Directory` over LDAP."""

    def __init__(
        self, settings: DirectorySettings, *, bind_password: Callable[[], Awaitable[str]], clock: Clock
    ) -> None:
        """bind_password: gives the bind DN's password each time, so that a change holds at once."""
        self._settings = settings
        self._addresses = settings.addresses()
        self._bind_password = bind_password
        self._clock = clock
        self._dead_until: dict[ServerAddress, float] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="directory")

    async def authenticate(self, login: str, password: str) -> DirectoryPerson:
        """The person with this login, once the directory took the password; see `Directory`."""
        meant = normal_login(login)
        if not meant or not is_possible_password(password):
            raise bad_credentials()
        questions = self._questions()
        try:
            return await self._ask(lambda link: questions.authenticate(link, meant, password))
        except (Unavailable, Damaged) as error:
            raise _for_a_person(error) from error

    async def find(self, directory_id: str) -> DirectoryPerson | None:
        """The person as the directory has them now; see `Directory`."""
        questions = self._questions()
        try:
            return await self._ask(lambda link: questions.find(link, directory_id))
        except (Unavailable, Damaged) as error:
            raise _for_a_person(error) from error

    async def probe(self) -> None:
        """Ask every server, also those behind the first, and those that were dead; see `Directory`."""
        questions, troubles = self._questions(), []
        for address in self._addresses:
            try:
                await self._ask(questions.probe, [address])
            except (Unavailable, Damaged) as error:
                troubles.append(error)
        if troubles:
            raise _worst(troubles)

    async def close(self) -> None:
        """Take no more questions. What still waits for a server ends with its own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _questions(self) -> Questions:
        return Questions(self._settings, self._clock.now())

    async def _ask(self, question: Callable[[Link], _T], only: list[ServerAddress] | None = None) -> _T:
        try:
            password = await self._bind_password()
        except AndonError as error:
            message = f"the password of the directory's bind DN cannot be had: {error.message}"
            raise self._told(Damaged("directory-misconfigured", message, hint=error.hint)) from error
        if not is_possible_password(password):
            message = "the password of the directory's bind DN is empty: an anonymous look is not trusted"
            raise self._told(Damaged("directory-misconfigured", message))
        attempt = _Attempt(self._settings, password)
        order = only or self._order()
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._try_servers(order, attempt, question)
        )
        try:
            async with asyncio.timeout(self._settings.total_timeout.total_seconds()):
                return await future
        except TimeoutError as error:
            seconds = self._settings.total_timeout.total_seconds()
            message = f"the directory gave no answer within {seconds:g} s, all servers together"
            raise self._told(Unavailable("directory-unavailable", message)) from error
        finally:
            attempt.end()

    def _order(self) -> list[ServerAddress]:
        """As configured, but those that did not answer lately come last; never fewer."""
        now = self._clock.monotonic()
        return sorted(self._addresses, key=lambda each: self._dead_until.get(each, now) > now)

    def _try_servers(
        self, order: list[ServerAddress], attempt: "_Attempt", question: Callable[[Link], _T]
    ) -> _T:
        """In a thread. A server that cannot be used is passed over; a clear answer of one is the answer."""
        troubles: list[Unavailable | Damaged] = []
        for address in order:
            try:
                with attempt.link(address) as link:
                    answer = self._answer(link, question)
            except _Final as final:
                raise self._told(final.error) from final.error
            except (Unavailable, Damaged) as error:
                troubles.append(self._told(error))
                until = self._clock.monotonic() + self._settings.retry_dead_after.total_seconds()
                self._dead_until[address] = until
                if attempt.is_over:
                    break
            except Refused as error:
                raise self._told(self._bind_refused(address, error)) from error
            else:
                self._dead_until.pop(address, None)
                return answer
        raise _worst(troubles)

    @staticmethod
    def _answer(link: Link, question: Callable[[Link], _T]) -> _T:
        try:
            return question(link)
        except Damaged as error:
            raise _Final(error) from error

    def _bind_refused(self, address: ServerAddress, error: Refused) -> Damaged:
        return Damaged(
            "directory-misconfigured",
            f"the directory server {address} refused the bind DN {self._settings.bind_dn!r}: "
            f"{error.diagnostic or 'invalid credentials'}",
            hint="Check bind_dn and the secret with its password.",
        )

    @staticmethod
    def _told(error: "_Trouble") -> "_Trouble":
        """Into the log, where plant IT reads it."""
        if isinstance(error, Damaged):
            _log.error("directory is misconfigured", why=error.message, hint=error.hint)
        else:
            _log.warning("directory server is unavailable", why=error.message)
        return error


_Trouble = TypeVar("_Trouble", Unavailable, Damaged, Unavailable | Damaged)


class _Final(Exception):
    """An answer that another server would not better."""

    def __init__(self, error: Damaged) -> None:
        super().__init__(error.message)
        self.error = error


class _Attempt:
    """One question's connections, so that it can be ended from outside its thread."""

    def __init__(self, settings: DirectorySettings, password: str) -> None:
        self._settings = settings
        self._password = password
        self._link: Link | None = None
        self.is_over = False

    def link(self, address: ServerAddress) -> Link:
        """The connection to the next server, as the service."""
        self._link = Link(address, self._settings, self._settings.bind_dn, self._password)
        return self._link

    def end(self) -> None:
        """No further server; a call that waits fails."""
        self.is_over = True
        if self._link is not None:
            self._link.cut()


def _worst(troubles: list[Unavailable | Damaged]) -> Unavailable | Damaged:
    """All of them in one: waiting helps as soon as one server is only away."""
    text = "; ".join(each.message for each in troubles) or "no server of the directory was asked"
    if troubles and all(isinstance(each, Damaged) for each in troubles):
        return Damaged("directory-misconfigured", text, hint=troubles[0].hint)
    return Unavailable("directory-unavailable", text, hint="Check that the servers run and can be reached.")


def _for_a_person(error: Unavailable | Damaged) -> Unavailable | Damaged:
    """One sentence: what is wrong inside the plant is nothing for somebody who has not signed in."""
    message = "the plant's directory cannot be asked at the moment"
    if isinstance(error, Damaged):
        return Damaged(error.code, message, hint=_HINT)
    return Unavailable(error.code, message, hint=_HINT, retry_after=error.retry_after)
