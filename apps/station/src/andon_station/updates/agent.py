"""Speaks to the agent on this machine over its loopback interface. Blocks: never on the screen's thread."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_SECONDS = 5.0
_LARGEST_ANSWER = 1 << 20


class AgentSilent(Exception):
    """The agent did not answer, or with something that is no answer. Try again."""


class Agent:
    """One conversation at a time. url: of the local interface; token: what speaks for this application."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def state(self) -> dict[str, Any]:
        """How this application stands: phase, running, wanted, progress, reason, is_ending.

        Raises:
            AgentSilent: it does not answer.
        """
        return self._ask("GET", "/v1/unit", None)

    def healthy(self) -> None:
        """Say that this version works. Raises AgentSilent."""
        self._ask("POST", "/v1/unit/health", {"is_healthy": True})

    def safe(self, *, is_safe: bool, why: str) -> None:
        """Say whether this application may be ended for another version. Raises AgentSilent."""
        self._ask("POST", "/v1/unit/safe-point", {"is_safe": is_safe, "why": why})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, self._headers)
            answer = connection.getresponse()
            text = answer.read(_LARGEST_ANSWER)
            if answer.status >= 300:
                raise AgentSilent(f"the agent answered {answer.status}")
            said = json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AgentSilent(str(error)) from error
        finally:
            connection.close()
        if not isinstance(said, dict):
            raise AgentSilent("the agent answered something else")
        return said
