"""The control plane, as a station asks it: signed requests, bounded answers, nothing followed or guessed.

Every question ends within its time in all, however slowly an answer drips; it is read up to its most bytes;
redirects are refused and proxies of the environment not asked. A failure is a WireError, so that the loop
knows whether to ask again.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from andon_wire.errors import Malformed, Missing, Unreachable, Untrusted, WireError
from andon_wire.identity import (
    FOR_ENROLMENT,
    MOST_WANTED_BYTES,
    PrivateKey,
    Request,
    authorization,
    check_wanted,
    sign_request,
)
from andon_wire.protocol import Document, Enrol, Enrolled, Report, Reported, Wanted

BASE = "/api/v1/agents"
_MOST_SMALL_BYTES = 256 << 10
_MOST_ENROLLED_BYTES = 2 << 20  # it brings the TUF root
_D = TypeVar("_D", bound=Document)
_LIMITS = httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=90)


class Busy(Unreachable):
    """The control plane asks to wait. retry_after_s: for how long."""

    def __init__(self, code: str, message: str, retry_after_s: float) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class Refused(Untrusted):
    """The control plane does not take this station's word: it was taken off, or enrolled anew elsewhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is and how it is known. ca: the one authority believed; certificate, key: for mutual TLS."""

    url: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def files(self) -> Mapping[str, Path]:
        """The files that it is known by, those that there are, by their names in the settings."""
        named = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
        return {name: each for name, each in named.items() if each is not None}

    def context(self) -> ssl.SSLContext:
        """TLS as this place wants it.

        Raises:
            Malformed: a file of it cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            names = ", ".join(str(each) for each in (self.ca, self.certificate, self.key) if each)
            raise Malformed(
                "bad-certificate", f"{names or 'the certificates'} cannot be read: {error}"
            ) from error
        return context


@dataclass(frozen=True, slots=True, repr=False)
class Station:
    """Who asks. wanted_key: the fleet's, in hex, pinned."""

    name: str
    key: PrivateKey
    wanted_key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """What is wanted, and the signed text that says so."""

    text: str
    wanted: Wanted


class Client:
    """Asks. clock: seconds since 1970 of this machine; within_s: the longest an answer may take in all."""

    def __init__(self, place: Place, clock: Callable[[], float], *, within_s: float = 30.0) -> None:
        self._clock, self._within_s = clock, within_s
        self._base = place.url.rstrip("/")
        self._http = httpx.AsyncClient(
            verify=place.context(),
            trust_env=False,
            follow_redirects=False,
            limits=_LIMITS,
            timeout=httpx.Timeout(within_s, connect=10.0),
            headers={"Accept-Encoding": "identity", "User-Agent": "andon-agent"},
        )
        self.ahead_s = 0.0  # by how much its clock is ahead of ours, as it said when it refused ours
        self.response_s: float | None = None  # how long its last answer to a report took

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def enrol(self, enrol: Enrol, key: PrivateKey) -> Enrolled:
        """Become a station; signed by the key that is enrolled.

        Raises:
            Refused: the token is not good (any more). Others as `wanted`.
        """
        who = Station("enrolling", key, FOR_ENROLMENT)
        body = enrol.model_dump_json().encode()
        answer = await self._asked(who, "POST", f"{BASE}/enrol", body, most=_MOST_ENROLLED_BYTES)
        return _parsed(Enrolled, answer)

    async def wanted(self, who: Station, *, have: int, wait_s: float) -> Signed | None:
        """What is wanted when its revision is not `have`; None: it is, after at most `wait_s`.

        Raises:
            Unreachable: no answer now. Busy: and how long to wait. Refused: it knows no such station.
            Untrusted: it is not the fleet's word. Malformed: it cannot be read.
        """
        target = f"{BASE}/wanted?have={have}&wait={wait_s:g}"
        answer = await self._asked(
            who, "GET", target, b"", most=MOST_WANTED_BYTES, within_s=wait_s + self._within_s
        )
        if answer.status == httpx.codes.NOT_MODIFIED:
            return None
        try:
            text = answer.body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise Malformed("bad-answer", "what is wanted is no signed text") from error
        return Signed(text, check_wanted(text, key=who.wanted_key, station=who.name))

    async def report(self, who: Station, report: Report) -> Reported:
        """Tell how the station is. Raises as `wanted`."""
        began = asyncio.get_running_loop().time()
        body = report.model_dump_json().encode()
        answer = await self._asked(who, "POST", f"{BASE}/reports", body, most=_MOST_SMALL_BYTES)
        self.response_s = asyncio.get_running_loop().time() - began
        return _parsed(Reported, answer)

    async def _asked(
        self, who: Station, method: str, target: str, body: bytes, *, most: int, within_s: float | None = None
    ) -> Answer:
        """The answer, when it is a good one; asks once more where only the clocks differ."""
        for is_again in (False, True):
            request = self._request(who, method, target, body, within_s or self._within_s)
            answer = await self._sent(request, most, within_s or self._within_s)
            if answer.status < httpx.codes.MULTIPLE_CHOICES or answer.status == httpx.codes.NOT_MODIFIED:
                return answer
            problem = _problem(answer)
            if not is_again and problem.code == "stale-request" and self._set_clock(answer):
                continue
            raise problem
        raise AssertionError

    def _request(self, who: Station, method: str, target: str, body: bytes, within_s: float) -> httpx.Request:
        request = self._http.build_request(method, self._base + target, content=body)
        signed = Request(method, request.url.raw_path.decode("ascii"), body, who.wanted_key)
        token = sign_request(signed, station=who.name, key=who.key, now=self._clock() + self.ahead_s)
        request.headers["Authorization"] = authorization(token)
        if body:
            request.headers["Content-Type"] = "application/json"
        # httpx' own times are of one read each; this is of all together.
        request.extensions["timeout"] = {
            "connect": 10.0,
            "read": within_s,
            "write": within_s,
            "pool": within_s,
        }
        return request

    async def _sent(self, request: httpx.Request, most: int, within_s: float) -> Answer:
        try:
            async with asyncio.timeout(within_s):
                response = await self._http.send(request, stream=True)
                try:
                    return Answer(response.status_code, response.headers, await _read(response, most))
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Unreachable(
                "no-answer", f"{self._base} gave no whole answer within {within_s:.0f} s"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            said = str(error) or type(error).__name__
            raise Unreachable("no-answer", f"{self._base} did not answer: {said}") from error

    def _set_clock(self, answer: Answer) -> bool:
        at = _date(answer.headers.get("Date"))
        if at is None:
            return False
        # The header leaves out parts of a second: rather a second ahead than behind the server's start.
        self.ahead_s = at.timestamp() + 1.0 - self._clock()
        return True


async def _read(response: httpx.Response, most: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Malformed("bad-answer", "the answer is encoded, which was not asked for")
    pieces, left = [], most
    async for piece in response.aiter_raw():
        left -= len(piece)
        if left < 0:
            raise Malformed("answer-too-long", f"the answer is longer than {most} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(kind: type[_D], answer: Answer) -> _D:
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise Malformed("bad-answer", f"the control plane's answer: {where}: {first['msg']}") from error


def _problem(answer: Answer) -> WireError:
    """What a status means for who asked."""
    code, detail, hint = _said(answer)
    status = answer.status
    if status < httpx.codes.BAD_REQUEST:
        return Unreachable(
            "redirected",
            f"the control plane answered {status}; redirects are not followed",
            hint="set `control` in agent.toml to the address itself",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Busy(code or "no-answer", detail, _seconds(answer.headers.get("Retry-After")))
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return Refused(code or "refused", detail, hint=hint or "enrol this machine again: andon-agent enrol")
    if status == httpx.codes.NOT_FOUND:
        return Missing(code or "no-such-path", detail, hint=hint or "is `control` in agent.toml an Andon?")
    if status == httpx.codes.REQUEST_TIMEOUT:
        return Unreachable(code or "no-answer", detail)
    return Malformed(code or "refused", detail, hint=hint)


def _said(answer: Answer) -> tuple[str, str, str]:
    """Code, sentence and hint of a problem document, each cut short; empty ones where it is none."""
    plain = f"the control plane answered {answer.status}"
    try:
        found: Any = json.loads(answer.body[: 64 << 10])
    except (ValueError, RecursionError):
        return "", plain, ""
    if not isinstance(found, dict):
        return "", plain, ""
    code, detail, hint = (str(found.get(each) or "")[:500] for each in ("code", "detail", "hint"))
    return code[:60], f"{plain}: {detail}" if detail else plain, hint


def _seconds(text: str | None) -> float:
    """Of Retry-After, in its form of seconds."""
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else 0.0


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo is not None else None
