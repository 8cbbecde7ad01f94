"""Signing in and signing at the terminal, against a server that answers as Andon does."""

import http.server
import json
import os
import pty
import select
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from andon.cli.main import app
from andon.kernel import errors

PASSWORD, NEW, ONE_TIME = "correct horse battery", "another horse battery", "one-time-password"
PATIENCE_SECONDS = 30
KIM = {"login": "kim", "display_name": "Kim Minji"}


@dataclass
class Andon:
    """What the server was told, and how it behaves."""

    port: int = 0
    access: str = "access-1"
    refresh: str = "refresh-1"
    device: list[tuple[int, str]] = field(default_factory=list)
    sent: list[tuple[str, str, dict[str, Any], str]] = field(default_factory=list)
    needs_signature: bool = False

    def answer(self, method: str, path: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
        if path == "/login/device":
            return 200, {
                "device_code": "dc", "user_code": "ABCD-EFGH", "verification_uri": "http://here/device",
                "verification_uri_complete": "http://here/device?code=ABCD-EFGH", "expires_in": 600,
                "interval": 0.01,
            }  # fmt: skip
        if path == "/login/device/token":
            status, code = self.device.pop(0) if self.device else (200, "")
            return (status, problem(code, "not yet")) if code else (200, self.session())
        if path == "/login/terminal":
            return self.login(body)
        if path == "/login/refresh":
            if body["refresh_token"] != self.refresh:
                return 401, problem("reused", "that session has ended")
            self.access, self.refresh = "access-2", "refresh-2"
            return 200, self.session()
        if token != self.access:
            return 401, problem("not-signed-in", "nobody is signed in")
        if path == "/rollouts/ro-1/approve" and not body.get("signature"):
            needs = {
                "action": "approve",
                "environment": "production",
                "login": True,
                "meanings": ["approved"],
            }
            return 403, problem("signature-required", "approving in production is signed", needs)
        return 200, {"id": "ro-1", "signed": True}

    def login(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["password"] == ONE_TIME and "new_password" not in body:
            return 403, problem("password-change-required", "choose your own password")
        if body["password"] not in {PASSWORD, ONE_TIME}:
            return 403, problem("bad-credentials", "user name or password is wrong")
        return 200, self.session()

    def session(self) -> dict[str, Any]:
        return {
            "access_token": self.access, "refresh_token": self.refresh, "expires_in": 900, "user": KIM,
        }  # fmt: skip

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for _, where, body, _ in self.sent if where == path]


def problem(code: str, detail: str, needs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "detail": detail, "hint": "", "needs": needs}


@pytest.fixture
def andon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Andon]:
    it = Andon()

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            path = self.path.partition("?")[0].removeprefix("/api/v1")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            it.sent.append((self.command, path, body, token))
            status, answer = it.answer(self.command, path, body, token)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_any  # noqa: N815

        def log_message(self, *_words: object) -> None:
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.port = running.server_address[1]
    monkeypatch.setenv("ANDON_PORT", str(it.port))
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_CREDENTIALS", str(tmp_path / "credentials.json"))
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield it
    running.shutdown()
    running.server_close()


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def signed_in() -> None:
    assert run("login", "--user", "kim", "--password-stdin", stdin=PASSWORD + "\n").exit_code == 0


def test_a_password_comes_from_standard_input_and_stands_nowhere(andon: Andon, tmp_path: Path) -> None:
    result = run("login", "--user", "kim", "--password-stdin", "--json", stdin=PASSWORD + "\n")
    assert json.loads(result.stdout) == KIM
    assert andon.bodies("/login/terminal") == [{"login": "kim", "password": PASSWORD}]
    kept = (tmp_path / "credentials.json").read_text()
    assert "access-1" in kept
    assert PASSWORD not in kept
    assert "access-1" not in result.output


def test_a_one_time_password_is_changed_in_the_same_step(andon: Andon) -> None:
    result = run(
        "login", "--user", "kim", "--password-stdin", "--new-password-stdin", stdin=f"{ONE_TIME}\n{NEW}\n"
    )
    assert result.exit_code == 0
    assert andon.bodies("/login/terminal")[-1]["new_password"] == NEW


def test_a_program_that_gives_no_new_password_is_told_so(andon: Andon) -> None:
    result = run("login", "--user", "kim", "--password-stdin", stdin=ONE_TIME + "\n")
    assert isinstance(result.exception, errors.Forbidden)
    assert result.exception.code == "password-change-required"


def test_the_browser_confirms_the_code_while_the_terminal_waits(andon: Andon) -> None:
    andon.device = [(409, "authorization-pending")] * 3
    result = run("login")
    assert result.exit_code == 0, result.output
    assert "ABCD-EFGH" in result.output
    assert "http://here/device" in result.output
    assert len(andon.bodies("/login/device/token")) == 4


@pytest.mark.parametrize("code", ["expired-token", "access-denied"])
def test_a_code_that_was_refused_or_ran_out_signs_nobody_in(andon: Andon, tmp_path: Path, code: str) -> None:
    andon.device = [(409, "authorization-pending"), (409, code)]
    result = run("login")
    assert isinstance(result.exception, errors.Conflict)
    assert result.exception.code == code
    assert not (tmp_path / "credentials.json").exists()


def test_who_is_not_signed_in_is_told_how_to(andon: Andon, tmp_path: Path) -> None:
    result = run("whoami")
    assert isinstance(result.exception, errors.Unauthenticated)
    assert result.exception.hint == f"andon --home {tmp_path / 'home'} login"


def test_a_token_that_ran_out_at_the_server_is_renewed_without_a_word(andon: Andon) -> None:
    signed_in()
    andon.access = "something-newer"
    assert run("tokens", "list", "--json").exit_code == 0
    assert [token for *_, path, _, token in andon.sent if path == "/me/tokens"] == ["access-1", "access-2"]


def test_a_program_uses_its_token_from_a_file_or_the_environment(
    andon: Andon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    andon.access = "andon_pat_x"
    (tmp_path / "token").write_text("andon_pat_x\n")
    assert run("--token-file", str(tmp_path / "token"), "tokens", "list", "--json").exit_code == 0
    monkeypatch.setenv("ANDON_TOKEN", "andon_pat_x")
    assert run("tokens", "list", "--json").exit_code == 0
    assert {token for *_, token in andon.sent} == {"andon_pat_x"}


def test_signing_out_forgets_even_while_the_server_is_away(andon: Andon, tmp_path: Path) -> None:
    signed_in()
    result = CliRunner(env={"ANDON_PORT": "1"}).invoke(app, ["logout"])
    assert result.exit_code == 0
    credentials = tmp_path / "credentials.json"
    assert f"127.0.0.1:{andon.port}" in credentials.read_text()  # another server's session stays
    assert run("logout").exit_code == 0
    assert json.loads(credentials.read_text()) == {"servers": {}}


APPROVE = ("approve", "ro-1", "--reason", "tests seen", "--json")


def test_a_program_signs_with_name_password_and_meaning(andon: Andon) -> None:
    signed_in()
    words = (*APPROVE, "--user", "kim", "--password-stdin", "--meaning", "approved")
    assert run(*words, stdin=PASSWORD + "\n").exit_code == 0
    assert andon.bodies("/rollouts/ro-1/approve") == [
        {
            "reason": "tests seen",
            "signature": {"login": "kim", "password": PASSWORD, "meaning": "approved"},
        }
    ]


def test_a_program_that_signs_without_a_meaning_is_refused(andon: Andon) -> None:
    signed_in()
    result = run(*APPROVE, "--password-stdin", stdin=PASSWORD + "\n")
    assert isinstance(result.exception, errors.InvalidInput)
    assert result.exception.code == "meaning-missing"
    assert andon.bodies("/rollouts/ro-1/approve") == []


def test_where_nobody_can_be_asked_it_says_what_a_signature_needs(andon: Andon) -> None:
    signed_in()
    result = run(*APPROVE)
    assert isinstance(result.exception, errors.Forbidden)
    assert result.exception.code == "signature-required"
    assert "--password-stdin" in result.exception.hint


def at_a_terminal(words: tuple[str, ...], talk: list[tuple[str, str]]) -> tuple[int, str]:
    """Run `andon` at a terminal of its own; when it asks the first of a pair, type the second.

    The blank behind a question for a password is written when the terminal shows nothing any more.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(str(Path(sys.executable).with_name("andon")), ["andon", *words])
    shown, answers = "", list(talk)
    try:
        while select.select([terminal], [], [], PATIENCE_SECONDS)[0]:
            try:
                shown += os.read(terminal, 4096).decode()
            except OSError:  # the other end is closed: it has ended
                break
            if answers and shown.endswith(answers[0][0]):
                os.write(terminal, answers.pop(0)[1].encode() + b"\n")
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown


@pytest.mark.asvs("6.2.6")
def test_a_person_is_asked_for_what_the_signature_needs_and_the_password_is_not_shown(andon: Andon) -> None:
    signed_in()
    talk = [("User name: ", "kim"), ("Password: ", PASSWORD), ("[approved]: ", "approved")]
    code, shown = at_a_terminal(APPROVE, talk)
    assert code == 0, shown
    assert "asks for your signature: approve in production" in shown
    assert PASSWORD not in shown
    assert andon.bodies("/rollouts/ro-1/approve")[-1]["signature"] == {
        "login": "kim",
        "password": PASSWORD,
        "meaning": "approved",
    }


def test_a_person_with_a_one_time_password_chooses_an_own_one_at_the_first_sign_in(andon: Andon) -> None:
    talk = [("Password: ", ONE_TIME), ("New password: ", NEW), ("confirmation: ", NEW)]
    code, shown = at_a_terminal(("login", "--user", "kim"), talk)
    assert code == 0, shown
    assert andon.bodies("/login/terminal")[-1] == {
        "login": "kim",
        "password": ONE_TIME,
        "new_password": NEW,
    }
    assert NEW not in shown


def test_a_refusal_names_the_permission_that_is_missing(andon: Andon) -> None:
    signed_in()
    refused: Callable[..., Any] = lambda *_: (  # noqa: E731
        403,
        problem("forbidden", "kim lacks users.view"),
    )
    andon.answer = refused  # type: ignore[method-assign]
    code, shown = at_a_terminal(("users", "list"), [])
    assert code == 1
    assert "kim lacks users.view" in shown
