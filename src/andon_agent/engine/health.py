"""Whether the active release works, by its contract; and since when without a break.

Kept in memory: an agent that was started anew watches anew, and a release is confirmed a little later.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from andon_agent.engine.model import Health, Safe, State
from andon_agent.engine.ports import Heard, Local
from andon_agent.engine.starting import fill
from andon_wire.application import Application
from andon_wire.application import Health as Contract

_ASK_S = 2.0
_MOST_BYTES = 64 << 10


class Asks(Protocol):
    """An HTTP question to an application of this machine."""

    def __call__(self, url: str) -> bytes:
        """The body of a 2xx.

        Raises:
            OSError: there was no such answer; says why.
        """
        ...


def ask(url: str) -> bytes:
    """See `Asks`. Proxies are not for the loopback; what is too long is cut off."""
    try:
        with httpx.stream("GET", url, timeout=_ASK_S, trust_env=False) as answer:
            if not answer.is_success:
                raise OSError(f"{url} answered {answer.status_code}")
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    break
            return body[:_MOST_BYTES]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{url} did not answer: {type(error).__name__}") from error


class Doctor:
    """Asks and remembers, for all units."""

    def __init__(self, local: Local, asks: Asks = ask) -> None:
        self._local, self._ask = local, asks
        self._since: dict[str, tuple[int, float]] = {}  # by unit: of which start, healthy since which uptime

    def health(
        self, state: State, contract: Application | None, words: Mapping[str, str], uptime: float
    ) -> Health:
        """How the running process of the unit is. To be asked only while it runs."""
        problem = "its contract cannot be read" if contract is None else self._problem(state, contract, words)
        if problem is not None:
            self._since.pop(state.unit, None)
            return Health(None, problem)
        start, since = self._since.get(state.unit, (state.starts, uptime))
        if start != state.starts or since > uptime:
            since = uptime
        self._since[state.unit] = (state.starts, since)
        return Health(uptime - since)

    def forget(self, unit: str) -> None:
        """It does not run."""
        self._since.pop(unit, None)

    def safe(self, state: State, contract: Application | None, words: Mapping[str, str]) -> Safe:
        """Whether the running process may be ended now."""
        if contract is None:
            return Safe(is_safe=True)
        point = contract.safe_point
        match point.kind:
            case "always":
                return Safe(is_safe=True)
            case "asked":
                heard = self._local.heard(state.unit, state.token)
                return Safe(heard.is_safe is True, heard.why or _silence(heard))
            case "http":
                return self._safe_by_http(fill(point.url, words))

    def _safe_by_http(self, url: str) -> Safe:
        try:
            answer: Any = json.loads(self._ask(url))
        except OSError as error:
            return Safe(is_safe=False, why=str(error))
        except ValueError:
            return Safe(is_safe=False, why=f"{url} did not answer JSON")
        if not isinstance(answer, dict):
            return Safe(is_safe=False, why=f"{url} did not answer an object")
        return Safe(answer.get("is_safe") is True, str(answer.get("why", ""))[:200])

    def _problem(self, state: State, contract: Application, words: Mapping[str, str]) -> str | None:
        health: Contract = contract.health
        match health.kind:
            case "alive":
                return None
            case "http":
                try:
                    self._ask(fill(health.url, words))
                except OSError as error:
                    return str(error)
                return None
            case "reported":
                heard = self._local.heard(state.unit, state.token)
                if heard.is_healthy:
                    return None
                return heard.problem or "it has not said that it works"


def _silence(heard: Heard) -> str:
    return "the application has not said so" if heard.is_safe is None else "the application says not now"
