"""Speaks to a running Andon over its HTTP API. Problems come back as the errors they were."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import httpx

from andon.cli.bearer import Bearer, Nobody
from andon.cli.servers import Server
from andon.kernel.errors import (
    AndonError,
    Conflict,
    Damaged,
    Forbidden,
    InvalidInput,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)

T = TypeVar("T")
_TIMEOUT_SECONDS = 30.0
_LONG_SECONDS = 600.0  # a whole timeline is verified or printed while one waits
_BY_STATUS: dict[int, type[AndonError]] = {403: Forbidden, 404: NotFound, 409: Conflict, 422: InvalidInput}


class Client:
    """The API of `server`, in the name of `bearer`. Answers are plain JSON values."""

    def __init__(self, server: Server, bearer: Bearer | None = None) -> None:
        self.url = server.url
        self._server = server
        self._bearer = bearer or Nobody()
        self._http = httpx.Client(
            base_url=self.url,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
            verify=server.trust(),
            # Whoever is asked to let this terminal in, and whoever lists sessions, reads where it is.
            headers={"User-Agent": f"andon on {socket.gethostname()}"},
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
        return self._answer("GET", path, params=_without_none(query))

    def post(self, path: str, /, **body: Any) -> Any:
        """POST `body` as JSON to `path` below `/api/v1`; None is left out."""
        return self._answer("POST", path, json=_without_none(body))

    def put(self, path: str, /, **body: Any) -> Any:
        """PUT `body` as JSON to `path` below `/api/v1`; None is left out."""
        return self._answer("PUT", path, json=_without_none(body))

    def patch(self, path: str, /, **body: Any) -> Any:
        """PATCH `path` below `/api/v1` with a JSON body; None is left out."""
        return self._answer("PATCH", path, json=_without_none(body))

    def delete(self, path: str, /, **body: Any) -> Any:
        """DELETE `path` below `/api/v1` with a JSON body; None is left out."""
        return self._answer("DELETE", path, json=_without_none(body))

    def text(self, path: str, /, **query: Any) -> str:
        """GET `path` below `/api/v1`, as text."""
        response = self._send("GET", path, params=_without_none(query))
        if not response.is_success:
            raise self._problem(response)
        return response.text

    def download(self, path: str, into: BinaryIO, /, **query: Any) -> int:
        """Write what GET `path` answers to `into`, in pieces; gives the number of bytes."""
        size = 0
        wanted, headers = _without_none(query), self._headers()
        address = f"/api/v1{path}"
        try:
            with self._http.stream(
                "GET", address, params=wanted, headers=headers, timeout=_LONG_SECONDS
            ) as response:
                if not response.is_success:
                    response.read()
                    raise self._problem(response)
                for piece in response.iter_bytes():
                    into.write(piece)
                    size += len(piece)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        return size

    def is_up(self) -> bool:
        """Whether Andon answers at all."""
        try:
            return self._http.get("/health").is_success
        except httpx.HTTPError:
            return False

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, path, **options)
        if response.is_success:
            return response.json() if response.content else None
        raise self._problem(response)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = self._headers()
        response = self._request(method, path, headers=headers, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED and headers:
            fresh = self._bearer.renewed(self._exchange, headers["Authorization"].removeprefix("Bearer "))
            if fresh:
                return self._request(method, path, headers=_bearing(fresh), **options)
        return response

    def _headers(self) -> dict[str, str]:
        return _bearing(self._bearer.current(self._exchange))

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"/api/v1{path}", **options)
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _exchange(self, refresh_token: str) -> Mapping[str, Any]:
        response = self._request("POST", "/login/refresh", json={"refresh_token": refresh_token})
        if not response.is_success:
            raise self._problem(response)
        answer: Mapping[str, Any] = response.json()
        return answer

    def _away(self, error: httpx.HTTPError) -> Unavailable:
        if isinstance(error, httpx.TimeoutException):
            return Unavailable(
                "no-answer", f"Andon at {self.url} did not answer in time", hint="andon doctor"
            )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Unavailable(
                "not-trusted",
                f"the certificate of {self.url} is not from an authority that is trusted here",
                hint="--ca FILE: the CA certificate of that Andon (there: andon ca show)",
            )
        return Unavailable(
            "not-running", f"no Andon answers at {self.url}", hint=f"{self._server.command} up"
        )

    def _problem(self, response: httpx.Response) -> AndonError:
        body = _document(response)
        message = body.get("detail") or body.get("title") or f"HTTP {response.status_code}"
        code, hint = str(body.get("code", "http-error")), str(body.get("hint", ""))
        status = response.status_code
        if status == httpx.codes.UNAUTHORIZED:
            return Unauthenticated(code, message, hint=f"{self._server.command} login")
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return Throttled(code, message, hint=hint)
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            return Unavailable(code, message, hint=hint)
        return _BY_STATUS.get(status, Damaged)(code, message, hint=hint, needs=body.get("needs"))


def poll(read: Callable[[], T], *, every_seconds: float = 0.5) -> Iterator[T]:
    """What `read` gives, again and again; a person's terminal is the only thing that waits here."""
    while True:
        yield read()
        pause(every_seconds)


def pause(seconds: float) -> None:
    """Wait: at the edge there is nothing to wait for but the next look."""
    time.sleep(seconds)  # noqa: TID251  the edge


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
