"""The ways back in work for who holds the home, while Andon is down, and never unseen."""

import json
import os
import pwd
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from andon.cli.main import app
from andon.kernel import errors, locking

BECAUSE = ("--reason", "all administrators left")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `andon init` makes it; each test works on a copy."""
    home = tmp_path_factory.mktemp("made") / "home"
    assert run(home, "init").exit_code == 0
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "home"))


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def told(home: Path, *words: str) -> Any:
    result = run(home, "access", *words, *BECAUSE, "--json")
    assert result.exit_code == 0, (result.exception, result.output)
    return json.loads(result.stdout)


def alerts(home: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(home / "andon.db") as database:
        rows = database.execute("select kind, subject from timeline where severity = 'alert' order by number")
        return [(str(kind), str(subject)) for kind, subject in rows.fetchall()]


def test_an_administrator_gets_a_one_time_password_and_the_timeline_an_alert(home: Path) -> None:
    answer = told(home, "recover")
    assert answer["login"] == "admin"
    assert len(answer["password"]) > 20
    assert ("access.recovered", "user/admin") in alerts(home)
    assert answer["password"].encode() not in (home / "andon.db").read_bytes()
    assert run(home, "audit", "verify").exit_code == 0


def test_a_new_administrator_can_be_made_where_all_are_lost(home: Path) -> None:
    assert told(home, "recover", "--user", "minseo")["login"] == "minseo"
    assert told(home, "recover", "--user", "minseo")["login"] == "minseo"  # an administrator now
    assert ("access.recovered", "user/minseo") in alerts(home)


def test_the_sealed_account_is_made_once_and_alerted(home: Path) -> None:
    assert told(home, "break-glass")["login"] == "break-glass"
    assert ("access.break-glass-made", "user/break-glass") in alerts(home)
    again = run(home, "access", "break-glass", *BECAUSE)
    assert isinstance(again.exception, errors.Conflict)
    assert again.exception.code == "login-taken"


@pytest.mark.parametrize("command", ["recover", "break-glass"])
def test_nothing_is_done_under_a_running_andon_or_without_a_reason(home: Path, command: str) -> None:
    with locking.exclusive(home / "andon.lock"):
        busy = run(home, "access", command, *BECAUSE)
    assert isinstance(busy.exception, errors.Conflict)
    assert busy.exception.code == "already-up"
    silent = run(home, "access", command)
    assert isinstance(silent.exception, errors.InvalidInput)
    assert alerts(home) == []


def test_a_folder_that_is_no_home_has_nobody_to_recover(tmp_path: Path) -> None:
    result = run(tmp_path, "access", "recover", *BECAUSE)
    assert isinstance(result.exception, errors.InvalidInput)
    assert result.exception.code == "not-initialised"


def test_certificates_are_issued_and_shown_without_andon(home: Path) -> None:
    made = json.loads(run(home, "ca", "issue", "andon.plant", "10.1.2.3", "--json").stdout)
    assert set(made["names"]) == {"andon.plant", "10.1.2.3"}
    json.loads(run(home, "ca", "issue", "--client", "station-7", "--json").stdout)
    shown = json.loads(run(home, "ca", "show", "--json").stdout)
    assert [each["kind"] for each in shown["certificates"]] == ["authority", "server", "client"]
    assert "trust.crt" in run(home, "ca", "show").stdout
    assert json.loads(run(home, "ca", "renew", "--json").stdout) is None
    both = run(home, "ca", "issue", "andon.plant", "--client", "station-7")
    assert isinstance(both.exception, errors.InvalidInput)


def tls(home: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(home / "andon.db") as database:
        rows = database.execute(
            "select kind, subject, actor from timeline where kind like 'tls.%' order by number"
        )
        return [(str(kind), str(subject), str(actor)) for kind, subject, actor in rows.fetchall()]


@pytest.mark.part11("11.10(e)")
def test_every_certificate_that_is_made_or_brought_stands_on_the_timeline(home: Path, tmp_path: Path) -> None:
    me = f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    for words in (["issue", "andon.plant"], ["issue", "--client", "station-7"], ["renew"], ["show"]):
        assert run(home, "ca", *words).exit_code == 0
    pair = tmp_path / "brought.pem"
    shutil.copy(home / "ca" / "server.pem", pair)
    files = ("--certificate", str(pair), "--key", str(pair), "--chain", str(home / "ca" / "trust.crt"))
    brought = run(home, "ca", "import", "--server", *files)
    assert brought.exit_code == 0, (brought.exception, brought.output)
    assert tls(home) == [
        ("tls.issued", "tls/server", me),
        ("tls.issued", "tls/client", me),
        ("tls.imported", "tls/server", me),
    ]
    assert run(home, "audit", "verify").exit_code == 0


def test_without_the_database_a_certificate_is_issued_with_a_warning(home: Path) -> None:
    (home / "andon.db").unlink()
    result = run(home, "ca", "issue", "andon.plant", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["names"] == ["andon.plant"]
    assert "not on the timeline" in result.stderr
