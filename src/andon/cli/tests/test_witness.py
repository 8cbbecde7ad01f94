"""`andon witness` runs beside anything: it needs no home, and refuses what would make it worthless."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from andon.cli.main import app
from andon.kernel import errors
from andon_wire.cosigning import Signer
from andon_wire.merkle import EMPTY_ROOT
from andon_wire.note import LOG_KEY, Checkpoint, Key, Note, vouched

LOG = Signer.generate("plant.example/andon", LOG_KEY)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["witness", *words])


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[str, Key]]:
    (tmp_path / "timeline.vkey").write_text(f"{LOG.key}\n")
    words = (
        "serve",
        "--state",
        "state",
        "--name",
        "qa-pc",
        "--key",
        "timeline.vkey",
        "--listen",
        "127.0.0.1:0",
    )
    process = subprocess.Popen(
        [Path(sys.executable).with_name("andon"), "witness", *words],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        url, key = re.search(r"http://\S+", said[0]), re.search(r"its key: (\S+)", said[1])
        assert url, said
        assert key, said
        yield url.group(), Key.parse(key.group(1))
    finally:
        process.terminate()
        process.wait()


def posted(url: str, body: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{url}/add-checkpoint", data=body.encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_cosigns_what_its_log_signed_and_nothing_else(serving: tuple[str, Key]) -> None:
    url, key = serving
    text = Checkpoint(LOG.name, 0, EMPTY_ROOT).text
    status, line = posted(url, f"old 0\n\n{Note(text, (LOG.sign(text),))}")
    assert status == 200, line
    assert vouched(Note.parse(f"{text}\n{line}"), key) is not None
    other = Signer.generate(LOG.name, LOG_KEY)
    assert posted(url, f"old 0\n\n{Note(text, (other.sign(text),))}")[0] == 403


def test_its_key_is_made_once_and_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    first = run("key", "--state", str(tmp_path / "w"), "--name", "qa-pc")
    assert first.exit_code == 0
    assert Key.parse(first.stdout).name == "qa-pc"
    assert run("key", "--state", str(tmp_path / "w")).stdout == first.stdout
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--listen", "10.1.2.3:8470"), "tls-missing"),
        (("--listen", "nonsense"), "bad-address"),
        (("--key", "no key"), "bad-key"),
        (("--name", "two words"), "bad-witness-key"),
    ],
)
def test_what_would_make_it_worthless_is_refused(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    result = run("serve", "--state", str(tmp_path / "w"), "--key", str(LOG.key), *words)
    assert isinstance(result.exception, errors.InvalidInput)
    assert result.exception.code == code


def test_a_witness_keeps_its_name(tmp_path: Path) -> None:
    run("key", "--state", str(tmp_path), "--name", "qa-pc")
    result = run("key", "--state", str(tmp_path), "--name", "other")
    assert isinstance(result.exception, errors.InvalidInput)
    assert result.exception.code == "other-name"
