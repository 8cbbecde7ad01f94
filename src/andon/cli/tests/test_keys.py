"""The ceremonies as people do them: at the server, and each holder on a machine without a home."""

import json
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from andon.cli import exits
from andon.cli.main import app
from andon.kernel import errors
from andon.kernel.clock import SystemClock
from andon.releases.layout import Layout
from andon.releases.publish import Publisher
from andon.testing.releases import a_release

PASSPHRASE = "correct horse battery staple\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `andon init` makes it, and three media with a key each."""
    folder = tmp_path_factory.mktemp("made")
    assert run(folder / "home", "init").exit_code == 0
    for holder in ("kim", "lee", "park"):
        (folder / holder).mkdir()
        result = alone("keys", "make", holder, "--out", str(folder / holder), "--passphrase-stdin")
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it, with a stick that goes to and fro."""
    shutil.copytree(made, tmp_path / "place")
    (tmp_path / "place" / "usb").mkdir()
    return tmp_path / "place"


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def alone(*words: str, given: str = PASSPHRASE) -> Result:
    """As on a holder's machine."""
    return CliRunner().invoke(app, words, input=given)


def answer(result: Result, code: int = exits.GOOD) -> Any:
    assert result.exit_code == code, (result.exception, result.output)
    return json.loads(result.stdout)


def told(home: Path) -> list[str]:
    with sqlite3.connect(home / "andon.db") as database:
        rows = database.execute("select kind from timeline where kind like 'keys.%' order by number")
        return [str(row[0]) for row in rows.fetchall()]


def signed(place: Path, request: str, holder: str) -> Any:
    key = place / holder / f"{holder}.key.json"
    return answer(alone("keys", "sign", request, "--key", str(key), "--yes", "--passphrase-stdin", "--json"))


def test_a_plants_root_is_made_by_three_people_and_a_stick(place: Path) -> None:
    home, usb = place / "home", place / "usb"
    assert "development keys" in run(home, "keys", "status").stdout
    adding = [
        word for each in ("kim", "lee", "park") for word in ("--add", f"{place}/{each}/{each}.pub.json")
    ]
    change = [*adding, "--remove", "here", "--threshold", "2", "--exchange", "timestamp"]
    words = ["keys", "propose", *change, "--reason", "first ceremony", "--out", str(usb), "--json"]
    asked = answer(run(home, *words), exits.INCONCLUSIVE)
    for holder in ("lee", "park"):
        assert signed(place, asked["file"], holder)["fingerprint"] == asked["fingerprint"]
    done = answer(run(home, "keys", "assemble", str(usb), "--json"))
    assert done["is_published"]
    status = answer(run(home, "keys", "status", "--json"))
    root = status["roles"][0]
    assert (status["is_development"], root["threshold"], root["version"]) == (False, 2, 2)
    assert sorted(each["holder"] for each in root["keys"]) == ["kim", "lee", "park"]
    assert not any(each["is_here"] for each in root["keys"])
    assert told(home) == ["keys.proposed", "keys.changed"]
    for text in (run(home, "keys", "status").stdout, json.dumps(asked["changes"])):
        assert "kim" in text
    assert "valid until" in run(home, "keys", "status").stdout


def test_what_is_shown_to_a_holder_is_what_the_server_shows(place: Path) -> None:
    home, usb = place / "home", place / "usb"
    words = ["keys", "propose", "--add", f"{place}/kim/kim.pub.json", "--threshold", "2", "--reason", "x"]
    shown = run(home, *words, "--out", str(usb))
    assert shown.exit_code == exits.INCONCLUSIVE
    (request,) = usb.glob("request-*.json")
    key = str(place / "kim" / "kim.key.json")
    seen = alone("keys", "sign", str(request), "--key", key, "--yes", "--passphrase-stdin")
    assert seen.exit_code == 0, seen.output
    (fingerprint,) = [line for line in shown.stdout.splitlines() if "fingerprint" in line]
    assert fingerprint in seen.stdout
    assert "root: from now on kim" in seen.stdout
    assert run(home, "keys", "assemble", str(usb)).exit_code == 0


def test_a_request_can_be_looked_at_written_again_and_withdrawn(place: Path) -> None:
    home, usb = place / "home", place / "usb"
    assert answer(run(home, "keys", "pending", "--json")) is None
    words = ["keys", "propose", "--add", f"{place}/kim/kim.pub.json", "--threshold", "2", "--reason", "x"]
    asked = answer(run(home, *words, "--json"), exits.INCONCLUSIVE)
    assert asked["file"] is None
    again = answer(run(home, "keys", "pending", "--out", str(usb), "--json"), exits.INCONCLUSIVE)
    assert again["fingerprint"] == asked["fingerprint"]
    assert Path(again["file"]).exists()
    assert answer(run(home, "keys", "assemble", "--json"), exits.INCONCLUSIVE)["missing"] == asked["missing"]
    answer(run(home, "keys", "withdraw", "--reason", "wrong", "--json"))
    assert answer(run(home, "keys", "pending", "--json")) is None
    assert told(home)[-1] == "keys.withdrawn"


def test_in_development_keys_are_exchanged_by_one_command(place: Path) -> None:
    home = place / "home"
    words = ("keys", "exchange", "targets", "snapshot", "timestamp", "--reason", "x", "--json")
    assert answer(run(home, *words))["is_published"]
    before = {path.name for path in (home / "keys" / "provenance").iterdir()}
    exchanged = answer(run(home, "keys", "exchange", "provenance", "--reason", "yearly", "--json"))
    after = {path.name for path in (home / "keys" / "provenance").iterdir()}
    assert (before, after) == ({f"{exchanged['former']}.pem"}, {f"{exchanged['key_id']}.pem"})
    assert set(json.loads((home / "trust" / "provenance-key.json").read_bytes())) == {
        exchanged["former"],
        exchanged["key_id"],
    }
    assert told(home) == ["keys.changed", "keys.exchanged"]


def test_a_holders_key_is_sealed_and_private(place: Path) -> None:
    key = place / "kim" / "kim.key.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    run(place / "home", "keys", "propose", "--add", f"{place}/kim/kim.pub.json", "--threshold", "2",
        "--reason", "x", "--out", str(place / "usb"))  # fmt: skip
    (request,) = (place / "usb").glob("request-*.json")
    words = ("keys", "sign", str(request), "--key", str(key), "--yes", "--passphrase-stdin")
    refused = alone(*words, given="correct horse battery stable\n")
    assert isinstance(refused.exception, errors.Forbidden)
    assert refused.exception.code == "wrong-passphrase"
    assert not list((place / "usb").glob("signature-*"))


@pytest.mark.parametrize(
    ("holder", "given", "code"),
    [
        ("choi", "short\n", "passphrase-too-short"),
        ("../choi", PASSPHRASE, "bad-name"),
        ("kim", PASSPHRASE, "key-exists"),
    ],
)
def test_a_key_that_would_be_weak_or_in_the_way_is_not_made(
    place: Path, holder: str, given: str, code: str
) -> None:
    words = ("keys", "make", holder, "--out", str(place / "kim"), "--passphrase-stdin")
    refused = alone(*words, given=given)
    assert isinstance(refused.exception, errors.AndonError)
    assert refused.exception.code == code


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format": "andon-request/1"}'])
def test_garbage_on_a_stick_is_refused_in_a_sentence(place: Path, content: bytes) -> None:
    stray = place / "usb" / "signature-stray.json"
    stray.write_bytes(content)
    key = str(place / "kim" / "kim.key.json")
    run(place / "home", "keys", "propose", "--add", f"{place}/kim/kim.pub.json", "--threshold", "2",
        "--reason", "x")  # fmt: skip
    for refused in (
        alone("keys", "sign", str(stray), "--key", key, "--yes", "--passphrase-stdin"),
        run(place / "home", "keys", "assemble", str(place / "usb")),
        run(place / "home", "keys", "propose", "--add", str(stray), "--reason", "x"),
    ):
        assert isinstance(refused.exception, errors.InvalidInput)


def test_the_doctor_says_when_keys_need_somebody(place: Path) -> None:
    home = place / "home"

    def keys() -> Any:
        found = json.loads(run(home, "doctor", "--json").stdout)
        return next(each for each in found if each["name"] == "keys")

    assert keys()["is_good"]
    shutil.rmtree(home / "keys" / "timestamp")
    assert not keys()["is_good"]
    assert "andon keys exchange timestamp" in keys()["hint"]
    assert run(home, "keys", "status").exit_code == exits.BAD


def test_a_revocation_that_waits_for_holders_is_told_when_it_is_asked_for_and_when_it_comes(
    place: Path, tmp_path: Path
) -> None:
    home, usb = place / "home", place / "usb"
    Publisher(Layout(home), SystemClock()).publish(*a_release(tmp_path))
    words = ["--role", "targets", "--add", f"{place}/kim/kim.pub.json", "--remove", "here", "--reason", "x"]
    offline = json.loads(run(home, "keys", "propose", *words, "--out", str(usb), "--json").stdout)
    signed(place, offline["file"], "kim")
    assert answer(run(home, "keys", "assemble", str(usb), "--json"))["is_published"]
    revoked = run(home, "registry", "revoke", "mes@1.0.0", "--reason", "loses serials")
    assert isinstance(revoked.exception, errors.Conflict)

    def rows() -> list[tuple[str, str, str]]:
        with sqlite3.connect(home / "andon.db") as database:
            query = "select kind, body, subject from timeline where kind like '%revo%' order by number"
            return [(row[0], json.loads(row[1])["reason"], row[2]) for row in database.execute(query)]

    asked = ("keys.revocation-asked", "loses serials", "release/mes@1.0.0")
    assert rows() == [asked]
    pending = answer(run(home, "keys", "pending", "--out", str(usb), "--json"), exits.INCONCLUSIVE)
    signed(place, pending["file"], "kim")
    assert answer(run(home, "keys", "assemble", str(usb), "--json"))["is_published"]
    assert rows() == [asked, ("release.revoked", "loses serials", "release/mes@1.0.0")]


def test_a_revoked_release_is_told_on_the_timeline_once(place: Path, tmp_path: Path) -> None:
    home = place / "home"
    Publisher(Layout(home), SystemClock()).publish(*a_release(tmp_path))
    words = ("registry", "revoke", "mes@1.0.0", "--reason", "loses serials", "--json")
    assert answer(run(home, *words))["is_new"]
    assert not answer(run(home, *words))["is_new"]
    with sqlite3.connect(home / "andon.db") as database:
        rows = database.execute("select subject, actor from timeline where kind = 'release.revoked'")
        assert [subject for subject, _ in rows.fetchall()] == ["release/mes@1.0.0"]
    for bad in ("mes", "mes@2.0.0", "../mes@1.0.0"):
        refused = run(home, "registry", "revoke", bad, "--reason", "x")
        assert isinstance(refused.exception, errors.AndonError)
