"""The demo's Andon: a home of its own, driven by the same command line that a plant uses."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from andon.kernel.tls import TRUSTS_NOBODY
from demo.people import People, Person

ADMIN = "admin"
_PATIENCE_SECONDS = 10
_COMMAND = Path(sys.executable).with_name("andon")


class DemoError(Exception):
    """The demo cannot go on; the message says why, `details` what the program printed last."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@dataclass(slots=True)
class Plant:
    """A home folder with its Andon. `variables`: settings beside those of this process's environment.

    acting: whoever runs a command that names nobody. one_time_password: the administrator's first.
    token: with it this program looks at how things stand.
    """

    home: Path
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    acting: str = ADMIN
    one_time_password: str = field(default="", init=False)
    token: str = field(default="", init=False)
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Address of board and API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def people(self) -> People:
        """Everybody with an account here."""
        return People(self.home / "people")

    async def start(self) -> None:
        """Clear what an earlier demo left, make a new home, bring Andon up, and sign the administrator in."""
        if (self.home / "andon.env").exists():
            await self.command("down", "--all", "--yes", quiet=True)
        shutil.rmtree(self.home, ignore_errors=True)
        if not port_is_free(self.port):
            raise DemoError(f"port {self.port} is taken by another program; choose another with --port")
        _, made, _ = await self.checked("init", "--port", str(self.port), "--admin", ADMIN, "--json")
        self.one_time_password = json.loads(made)["one_time_password"]
        await self.restart()
        await self.first_sign_in(ADMIN, self.one_time_password)
        why = "looks at how things stand"
        words = ("tokens", "create", "harness", "--grant", "viewer", "--reason", why, "--json")
        self.token = json.loads((await self.checked(*words))[1])["text"]

    async def hire(self, login: str, name: str, *grants: str) -> Person:
        """Make an account as the administrator, and sign in with it for the first time."""
        roles = [word for each in grants for word in ("--grant", each)]
        words = ("users", "create", login, "--name", name, *roles, "--reason", "works here", "--json")
        _, made, _ = await self.checked(*words, by=ADMIN)
        return await self.first_sign_in(login, json.loads(made)["one_time_password"])

    async def first_sign_in(self, login: str, one_time_password: str) -> Person:
        """Sign in with a one-time password, and choose an own one."""
        person = self.people.make(login)
        words = ("login", "--user", login, "--password-stdin", "--new-password-stdin")
        await self.checked(*words, by=login, stdin=f"{one_time_password}\n{person.password}\n")
        return person

    async def restart(self) -> None:
        """Bring Andon up over the home that is there, and wait until it is ready."""
        await self.launch()
        await self._until_ready()

    async def launch(self) -> None:
        """Bring Andon up over the home that is there, and do not wait."""
        with (self.home / "up.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._line("up"),
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env=self._environment(),
            )

    async def kill(self) -> None:
        """Kill Andon as the power would; gateway and instances go on."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """End Andon, its gateway and its instances."""
        await self.command("down", "--all", "--yes", quiet=True, expected=(0, 1))
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), _PATIENCE_SECONDS)
            except TimeoutError:  # it had not come so far that `down` could find it, or it hangs
                await self.kill()
                await self.command("down", "--all", "--yes", quiet=True, expected=(0, 1))

    async def command(
        self,
        *words: str,
        by: str | None = None,
        stdin: str = "",
        quiet: bool = False,
        expected: tuple[int, ...] = (0,),
    ) -> int:
        """Run one command of Andon in this terminal; gives its exit code.

        Raises:
            DemoError: the exit code is none of those expected.
        """
        hidden = asyncio.subprocess.PIPE if quiet else None
        code, out, err = await self._run(words, hidden, by, stdin)
        if code not in expected:
            words_said = f"andon {' '.join(words)}"
            raise DemoError(
                f"`{words_said}` ended with {code}, not {expected}", _tail(out, err) or self.log()
            )
        return code

    async def signed(self, *words: str, by: str, meaning: str = "approved", expected: int = 0) -> int:
        """Run one command that `by` signs: name, password, meaning."""
        signing = ("--user", by, "--password-stdin", "--meaning", meaning)
        stdin = self.people.get(by).password + "\n"
        return await self.command(*words, *signing, by=by, stdin=stdin, expected=(expected,))

    async def said(self, *words: str, by: str | None = None, stdin: str = "") -> tuple[int, str, str]:
        """Run one command of Andon; gives its exit code, output and error output."""
        code, out, err = await self._run(words, asyncio.subprocess.PIPE, by, stdin)
        return code, out.decode(), err.decode()

    async def checked(self, *words: str, by: str | None = None, stdin: str = "") -> tuple[int, str, str]:
        """The same of a command that must succeed.

        Raises:
            DemoError: it did not.
        """
        code, out, err = await self.said(*words, by=by, stdin=stdin)
        if code:
            raise DemoError(f"`andon {' '.join(words)}` ended with {code}", err or self.log())
        return code, out, err

    async def get(self, path: str, **query: Any) -> Any:
        """GET from the API."""
        async with self._client(timeout=30) as http:
            answer = await http.get(f"/api/v1{path}", params=query)
            answer.raise_for_status()
            return answer.json()

    def log(self) -> str:
        """The last lines that Andon printed."""
        path = self.home / "up.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:]) if path.exists() else ""

    async def _until_ready(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(180), self._client(timeout=30) as http:
            while True:
                if self._process.returncode is not None:
                    raise DemoError("Andon ended while it started", self.log())
                try:
                    if (await http.get("/ready")).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    def _client(self, timeout: float = 5) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.AsyncClient(
            base_url=self.url, trust_env=False, timeout=timeout, verify=TRUSTS_NOBODY, headers=headers
        )

    async def _run(
        self, words: Sequence[str], stream: int | None, by: str | None, stdin: str
    ) -> tuple[int, bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            *self._line(*words),
            stdin=asyncio.subprocess.PIPE if stdin else None,
            stdout=stream,
            stderr=stream,
            env=self._environment() | self.people.get(by or self.acting).variables,
        )
        out, err = await process.communicate(stdin.encode() if stdin else None)
        assert process.returncode is not None
        return process.returncode, out or b"", err or b""

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    def _line(self, *words: str) -> list[str]:
        return [str(_COMMAND), "--home", str(self.home), *words]


def port_is_free(port: int) -> bool:
    """Whether nothing listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def on_signals(stop: asyncio.Event) -> None:
    """Set `stop` when a person or the system asks the demo to end."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)


def _tail(*streams: bytes | None) -> str:
    text = b"\n".join(each for each in streams if each).decode(errors="replace")
    return "\n".join(text.splitlines()[-30:])
