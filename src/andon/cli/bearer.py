"""Whom the command line speaks for: nobody, a token given to a program, or the session of a person."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from andon.cli.credentials import Credentials, Kept
from andon.kernel.clock import Clock
from andon.kernel.errors import Forbidden, Unauthenticated

Exchange = Callable[[str], Mapping[str, Any]]
_EARLY_SECONDS = 30.0  # a token that ends while its request is on the way helps nobody


class Bearer(Protocol):
    """Gives what stands behind `Authorization: Bearer`; empty for nobody."""

    def current(self, exchange: Exchange) -> str:
        """The text to send now. `exchange` turns a refresh token into a new pair at the server."""
        ...

    def renewed(self, exchange: Exchange, refused: str) -> str:
        """Another text, after the server refused `refused`; empty where there is none."""
        ...


class Nobody:
    """Asks without a name: for signing in."""

    def current(self, _exchange: Exchange) -> str:
        """Nothing."""
        return ""

    def renewed(self, _exchange: Exchange, _refused: str) -> str:
        """Nothing."""
        return ""


class GivenToken:
    """An API token, of a person or of a machine."""

    def __init__(self, text: str) -> None:
        self._text = text

    def current(self, _exchange: Exchange) -> str:
        """The token."""
        return self._text

    def renewed(self, _exchange: Exchange, _refused: str) -> str:
        """Nothing: what was refused once is refused again."""
        return ""


class KeptSession:
    """The session of the person who signed in at `url` from here."""

    def __init__(self, credentials: Credentials, url: str, clock: Clock) -> None:
        self._credentials = credentials
        self._url = url
        self._clock = clock

    def current(self, exchange: Exchange) -> str:
        """The access token, renewed when it has run out.

        Raises:
            Unauthenticated: the session has ended.
        """
        kept = self._credentials.find(self._url)
        if kept is None:
            return ""
        if self._clock.now().timestamp() < kept.renew_at:
            return kept.access_token
        return self.renewed(exchange, kept.access_token)

    def renewed(self, exchange: Exchange, refused: str) -> str:
        """A new access token, or the one that another program got meanwhile.

        Raises:
            Unauthenticated: the session has ended.
        """
        with self._credentials.alone():
            kept = self._credentials.find(self._url)
            if kept is None or kept.access_token != refused:
                return kept.access_token if kept else ""
            try:
                answer = exchange(kept.refresh_token)
            except (Unauthenticated, Forbidden) as error:
                self._credentials.remove(self._url)
                raise Unauthenticated(
                    "signed-out", f"the session of {kept.login} at {self._url} has ended", hint="andon login"
                ) from error
            fresh = kept_from(answer, kept.login, self._clock)
            self._credentials.put(self._url, fresh)
            return fresh.access_token

    def keep(self, answer: Mapping[str, Any], login: str) -> None:
        """Keep what signing in answered."""
        with self._credentials.alone():
            self._credentials.put(self._url, kept_from(answer, login, self._clock))

    def forget(self) -> None:
        """Keep it no longer."""
        with self._credentials.alone():
            self._credentials.remove(self._url)


def kept_from(answer: Mapping[str, Any], login: str, clock: Clock) -> Kept:
    """What signing in or renewing answered, as it is kept."""
    renew_at = clock.now().timestamp() + float(answer["expires_in"]) - _EARLY_SECONDS
    return Kept(login, str(answer["access_token"]), str(answer["refresh_token"]), renew_at)
