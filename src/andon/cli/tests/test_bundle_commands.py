"""`andon registry mirror` and `andon bundle`, as a person and as a script use them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from andon.cli.main import app
from andon.kernel.clock import SystemClock
from andon.kernel.errors import AndonError
from andon.releases import keys
from andon.releases.layout import Layout
from andon.releases.publish import Publisher
from andon.releases.storage import protocol
from andon.releases.storage.s3 import S3
from andon.testing import buckets
from andon.testing.releases import a_release
from andon.testing.webs import a_web


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keys.init_development(tmp_path / "home", SystemClock())
    Publisher(Layout(tmp_path / "home"), SystemClock()).publish(*a_release(tmp_path))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with buckets.a_server() as endpoint:
        yield endpoint


def run(home: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *map(str, words)])


def answer(result: Result) -> dict[str, object]:
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def refusal(result: Result) -> str:
    assert isinstance(result.exception, AndonError)
    return result.exception.code


def test_a_bundle_goes_from_one_home_into_the_mirror_of_another(home: Path, tmp_path: Path) -> None:
    file, other, mirror = tmp_path / "week-12.andon-bundle", tmp_path / "other", tmp_path / "mirror"
    root = Layout(home).pinned_root
    made = answer(run(home, "bundle", "export", file, "--json"))
    assert made["releases"] == ["mes@1.0.0"]
    seen = answer(run(other, "bundle", "verify", file, "--root", root, "--json"))
    assert seen["releases"] == ["mes@1.0.0"]
    done = answer(run(other, "bundle", "import", file, "--into", mirror, "--root", root, "--json"))
    assert (done["copied"], done["version"]) == (4, 2)
    assert answer(run(other, "bundle", "import", file, "--into", mirror, "--json"))["copied"] == 0
    run(other, "bundle", "receipt", "--into", mirror, "--output", tmp_path / "receipt")
    rest = answer(run(home, "bundle", "export", tmp_path / "rest", "--since", tmp_path / "receipt", "--json"))
    assert rest["releases"] == []


def test_a_receipt_of_a_place_where_no_mirror_is_says_so_and_writes_nothing(
    home: Path, tmp_path: Path
) -> None:
    output = tmp_path / "receipt"
    result = run(home, "bundle", "receipt", "--into", tmp_path / "miror", "--output", output)
    assert refusal(result) == "no-mirror"
    assert not output.exists()


def test_people_read_what_was_done_and_logs_read_how_far_it_is(home: Path, tmp_path: Path) -> None:
    made = run(home, "bundle", "export", tmp_path / "out")
    assert "✓" in made.stdout
    assert "mes@1.0.0 (state 2)" in made.stdout
    assert "writing: 100 % of" in made.stderr
    seen = run(home, "bundle", "verify", tmp_path / "out")
    assert "every byte of" in seen.stdout
    assert "verifying: 100 % of" in seen.stderr


def test_without_a_root_nothing_is_trusted(home: Path, tmp_path: Path) -> None:
    run(home, "bundle", "export", tmp_path / "out")
    asked = run(tmp_path / "other", "bundle", "import", tmp_path / "out", "--into", tmp_path / "mirror")
    assert refusal(asked) == "no-root"
    assert not (tmp_path / "mirror").exists()


def test_a_home_that_signs_is_not_taken_over_by_a_bundle(home: Path, tmp_path: Path) -> None:
    run(home, "bundle", "export", tmp_path / "out")
    assert refusal(run(home, "bundle", "import", tmp_path / "out")) == "own-registry"


def test_a_registry_is_mirrored_from_the_web_into_a_bucket(
    home: Path, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = buckets.a_bucket(server, "mirrors", prefix="line-3")
    (tmp_path / "secret").write_text(bucket.secret_key)
    monkeypatch.setenv("ANDON_REGISTRY__ENDPOINT", bucket.endpoint)
    monkeypatch.setenv("ANDON_REGISTRY__ACCESS_KEY", bucket.access_key)
    monkeypatch.setenv("ANDON_REGISTRY__SECRET_KEY_FILE", str(tmp_path / "secret"))
    with a_web(Layout(home).registry) as web:
        words = ("registry", "mirror", web.url, "s3://mirrors/line-3")
        done = answer(run(tmp_path / "other", *words, "--root", Layout(home).pinned_root, "--json"))
        assert (done["copied"], done["releases"]) == (4, 1)
        assert answer(run(tmp_path / "other", *words, "--json"))["copied"] == 0
        said = run(tmp_path / "other", *words, "--check")
        assert "4 were there" in said.stdout
    assert protocol.read(S3(bucket), "metadata/timestamp.json")


@pytest.mark.parametrize("place", ["http://somewhere/registry", "ftp://there", "s3://"])
def test_a_place_that_nothing_can_be_written_to_is_refused(home: Path, place: str) -> None:
    assert refusal(run(home, "registry", "mirror", home / "registry", place)) == "bad-place"


def test_a_bucket_without_an_endpoint_says_which_setting_is_missing(home: Path) -> None:
    asked = run(home, "registry", "mirror", home / "registry", "s3://bucket")
    assert refusal(asked) == "bad-endpoint"
    assert "ANDON_REGISTRY__ENDPOINT" in asked.exception.hint  # type: ignore[union-attr]
