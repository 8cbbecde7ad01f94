"""Keys: made once, private, and never overwritten."""

import stat
from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict, Damaged, Forbidden, NotFound
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.publish import Publisher
from andon.testing.releases import a_release


def test_no_private_key_is_readable_by_others(tmp_path: Path) -> None:
    made = keys.init_development(tmp_path / "home", SystemClock())
    assert stat.S_IMODE(made.keys.stat().st_mode) == 0o700
    private = sorted(made.keys.glob("*/*.pem"))
    assert len(private) == 5
    for each in private:
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
        assert stat.S_IMODE(each.parent.stat().st_mode) == 0o700


def test_nothing_secret_lies_in_the_folders_that_are_served(tmp_path: Path) -> None:
    home = tmp_path / "home"
    keys.init_development(home, SystemClock())
    for folder in (home / "registry", home / "trust"):
        for each in folder.rglob("*"):
            assert each.is_dir() or b"PRIVATE" not in each.read_bytes()


def test_development_keys_say_that_they_are(tmp_path: Path) -> None:
    made = keys.init_development(tmp_path, SystemClock())
    assert "DEVELOPMENT" in made.notice
    assert keys.is_development(tmp_path)
    assert not keys.is_development(tmp_path / "elsewhere")


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    keys.init_development(tmp_path, SystemClock())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    with pytest.raises(Conflict) as refused:
        keys.init_development(tmp_path, SystemClock())
    assert refused.value.code == "already-initialised"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.pem")} == before


def test_a_registry_of_others_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "registry" / "metadata").mkdir(parents=True)
    with pytest.raises(Conflict):
        keys.init_development(tmp_path, SystemClock())


def test_an_initialisation_that_was_cut_short_is_finished_with_the_same_keys(tmp_path: Path) -> None:
    home = tmp_path / "home"
    keys.init_development(home, SystemClock())
    before = sorted(path.name for path in home.rglob("*.pem"))
    Layout(home).pinned_root.unlink()  # it is the last thing that is written
    keys.init_development(home, SystemClock())
    assert sorted(path.name for path in home.rglob("*.pem")) == before
    release, contents = a_release(tmp_path)
    Publisher(Layout(home), SystemClock()).publish(release, contents)
    assert Client(Layout(home)).releases() == [(UnitName("mes"), Version("1.0.0"))]


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    keys.init_development(tmp_path, SystemClock())
    path = next((tmp_path / "keys" / "targets").glob("*.pem"))
    path.chmod(0o644)
    with pytest.raises(Forbidden) as refused:
        keys.load(Layout(tmp_path), "targets")
    assert refused.value.hint == f"chmod 600 {path}"


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    keys.init_development(tmp_path, SystemClock())
    path = next((tmp_path / "keys" / "targets").glob("*.pem"))
    path.write_bytes(b"not a key")
    with pytest.raises(Damaged, match=path.name):
        keys.load(Layout(tmp_path), "targets")


def test_without_initialisation_the_error_says_what_to_do(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    release, contents = a_release(tmp_path)
    for attempt in (
        lambda: Publisher(layout, SystemClock()).publish(release, contents),
        lambda: Publisher(layout, SystemClock()).refresh(),
        lambda: Client(layout).releases(),
        lambda: keys.provenance_signer(layout),
        lambda: keys.provenance_keys(layout),
    ):
        with pytest.raises(NotFound) as refused:
            attempt()
        assert (refused.value.code, refused.value.hint) == ("not-initialised", "andon init")
