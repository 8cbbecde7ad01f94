"""What all commands have in common, and what those for programs print."""

import http.server
import inspect
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from andon.access.model import Permission
from andon.cli import needs
from andon.cli.main import app
from andon.cli.needs import Need
from andon.kernel.errors import Damaged, InvalidInput

RUN = "run-0kz3v1q8x"
LOG = "wheel built\n"


class _Andon(http.server.BaseHTTPRequestHandler):
    """Answers as an Andon with one finished run, and keeps what it was sent."""

    sent: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == f"/api/v1/runs/{RUN}":
            stages = [{"name": "build", "state": "done"}, {"name": "sign", "state": "skipped"}]
            self._answer({"is_over": True, "stages": stages})
        elif path == f"/api/v1/runs/{RUN}/log/build":
            begin = int(query.removeprefix("offset="))  # a piece of four characters at most
            piece = LOG[begin : begin + 4]
            self._answer({"text": piece, "next_offset": begin + len(piece), "is_over": True})
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.sent.append((self.path, body))
        instance = {"id": "in-1", "version": "1.0.0", "state": "installing"}
        self._answer([instance] if self.path.endswith("/retry") else {"id": RUN, "unit": "mes"})

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def andon(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Andon]]:
    handler = type("Handler", (_Andon,), {"sent": []})
    running = http.server.HTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setenv("ANDON_PORT", str(running.server_address[1]))
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield handler
    running.shutdown()
    running.server_close()


def said(*words: str) -> object:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def every_command(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in group.commands.items():
        where = f"{path} {name}".strip()
        inner = getattr(each, "commands", None)
        if inner is None or each.invoke_without_command:
            yield where, each
        if inner is not None:
            yield from every_command(each, where)


COMMANDS = dict(every_command(typer.main.get_command(app)))


def test_every_command_that_answers_prints_json_when_asked() -> None:
    without = {
        name for name, each in COMMANDS.items() if all("--json" not in option.opts for option in each.params)
    }
    assert without == {"up", "witness serve", "agent"}  # the last hands all of its words on


def test_every_command_says_what_it_needs_and_gives_an_example() -> None:
    known = {*Permission, *Need}
    for name, each in COMMANDS.items():
        assert set(needs.of(inspect.unwrap(each.callback))) <= known, name
        (said,) = re.findall(r"^Needs: (.+)$", each.help, re.MULTILINE)
        assert set(said.split(" or ")) <= {str(one) for one in known} or said in known, name
        assert f"andon {name}" in each.help.partition("Example")[2], name


@pytest.mark.asvs("14.2.1")
def test_no_option_takes_a_password_or_a_token_as_its_value() -> None:
    for name, each in COMMANDS.items():
        for option in each.params:
            if re.search("password|secret|token|value", option.name):
                is_flag = getattr(option, "is_flag", False)
                assert is_flag or option.param_type_name == "argument", (name, option.name)


@pytest.mark.part11("11.10(d)")
@pytest.mark.parametrize(
    ("inner", "name"),
    [(typer.Typer(), "andon group secretly"), (typer.Typer(invoke_without_command=True), "andon group")],
)
def test_a_command_that_declares_nothing_does_not_start(inner: typer.Typer, name: str) -> None:
    whole = typer.Typer()
    inner.command("secretly")(lambda: None)
    whole.add_typer(inner, name="group")
    with pytest.raises(Damaged, match=f"`{name}` does not declare what it needs"):
        needs.show(whole)


def test_the_log_of_a_run_is_json_by_stage(andon) -> None:
    assert said("logs", RUN, "--json") == {"run": RUN, "stages": {"build": LOG}}


def test_a_run_is_cancelled_with_a_reason(andon) -> None:
    assert said("cancel", RUN, "--reason", "wrong branch", "--json") == {"id": RUN, "unit": "mes"}
    assert andon.sent == [(f"/api/v1/runs/{RUN}/cancel", {"reason": "wrong branch"})]


def test_a_person_is_confirmed_with_a_reason(andon) -> None:
    said("users", "confirm", "kim", "--reason", "spoke to her", "--json")
    assert andon.sent == [("/api/v1/users/kim/confirm", {"reason": "spoke to her"})]
    helped = CliRunner().invoke(app, ["users", "confirm", "--help"]).output
    assert "users.manage or rollouts.approve" in helped


def test_what_was_given_up_is_tried_again_with_a_reason(andon) -> None:
    (tried,) = said("retry", "mes", "-e", "staging", "-V", "1.0.0", "--reason", "room again", "--json")
    assert tried["id"] == "in-1"
    assert andon.sent == [
        ("/api/v1/units/mes/environments/staging/retry", {"version": "1.0.0", "reason": "room again"})
    ]


def test_stopping_what_does_not_run_is_json_too(tmp_path) -> None:
    assert said("--home", str(tmp_path), "down", "--json") == {"was_running": False, "everything": False}


def test_traffic_ends_unasked_only_where_that_was_said(tmp_path) -> None:
    result = CliRunner().invoke(app, ["--home", str(tmp_path), "down", "--all"])
    assert isinstance(result.exception, InvalidInput)
    assert "--yes" in result.exception.hint


@pytest.mark.asvs("6.3.2")
def test_a_new_home_is_told_as_json_with_the_password_that_is_nowhere_else(tmp_path) -> None:
    home = tmp_path / "home"
    made = said("--home", str(home), "init", "--admin", "kim", "--json")
    assert (made["home"], made["admin"]) == (str(home), "kim")
    kept = b"".join(each.read_bytes() for each in home.rglob("*") if each.is_file())
    assert made["one_time_password"].encode() not in kept
