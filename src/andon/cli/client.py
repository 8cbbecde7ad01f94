"""Speaks to a running Andon over its HTTP API. Problems come back as the errors they were."""

import getpass
import json
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from andon.kernel.errors import AndonError, Conflict, Damaged, Forbidden, InvalidInput, NotFound, Unavailable
from andon.kernel.tls import TRUSTS_NOBODY
from andon.settings import Settings

T = TypeVar("T")
_TIMEOUT_SECONDS = 30.0
_BY_STATUS: dict[int, type[AndonError]] = {403: Forbidden, 404: NotFound, 409: Conflict, 422: InvalidInput}


class Client:
    """The API of the Andon that `settings` point to. Answers are plain JSON values."""

    def __init__(self, settings: Settings) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{host}:{settings.port}"
        self._home = settings.home
        self._http = httpx.Client(
            base_url=self.url,
            timeout=_TIMEOUT_SECONDS,
            headers={"X-Andon-Actor": _actor()},
            trust_env=False,
            verify=TRUSTS_NOBODY,
        )

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, /, **query: Any) -> Any:
        """GET `path` below `/api/v1`; None in the query is left out."""
        wanted = {key: value for key, value in query.items() if value is not None}
        return self._answer("GET", f"/api/v1{path}", params=wanted)

    def post(self, path: str, /, **body: Any) -> Any:
        """POST `body` as JSON to `path` below `/api/v1`; None is left out."""
        wanted = {key: value for key, value in body.items() if value is not None}
        return self._answer("POST", f"/api/v1{path}", json=wanted)

    def delete(self, path: str, /, **body: Any) -> Any:
        """DELETE `path` below `/api/v1` with a JSON body; None is left out."""
        wanted = {key: value for key, value in body.items() if value is not None}
        return self._answer("DELETE", f"/api/v1{path}", json=wanted)

    def is_up(self) -> bool:
        """Whether Andon answers at all."""
        try:
            return self._http.get("/health").is_success
        except httpx.HTTPError:
            return False

    def ready(self) -> dict[str, Any]:
        """What `/ready` says of every part, ready or not."""
        answer: dict[str, Any] = self._send("GET", "/ready").json()
        return answer

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise Unavailable(
                "no-answer", f"Andon at {self.url} did not answer in time", hint="andon doctor"
            ) from error
        except httpx.HTTPError as error:
            raise Unavailable(
                "not-running", f"no Andon answers at {self.url}", hint=f"andon --home {self._home} up"
            ) from error

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, path, **options)
        if response.is_success:
            return response.json() if response.content else None
        raise _problem(response)


def poll(read: Callable[[], T], *, every_seconds: float = 0.5) -> Iterator[T]:
    """What `read` gives, again and again; a person's terminal is the only thing that waits here."""
    while True:
        yield read()
        time.sleep(every_seconds)  # noqa: TID251  the edge: nothing to wait for but the next look


def _problem(response: httpx.Response) -> AndonError:
    try:
        body = response.json()
    except json.JSONDecodeError:
        body = {}
    message = body.get("detail") or body.get("title") or f"HTTP {response.status_code}"
    code, hint = body.get("code", "http-error"), body.get("hint", "")
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return Unavailable(code, message, hint=hint)
    return _BY_STATUS.get(response.status_code, Damaged)(code, message, hint=hint)


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "local"
