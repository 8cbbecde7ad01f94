"""Publishing: a release never changes, a crash never breaks the registry, signatures stay young."""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.kernel import files
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import AndonError, Conflict, InvalidInput, NotFound, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.model import Artifact, Role
from andon.releases.publish import Publisher
from andon.testing.releases import a_release

MES = UnitName("mes")
FIRST, SECOND = Version("1.0.0"), Version("1.1.0")


class PowerCut(BaseException):
    """Not an Exception, so that nothing handles it."""


class _Renames:
    """Ends the program at a chosen rename: every durable write becomes visible by one."""

    def __init__(self) -> None:
        self.left: int | None = None
        sys.addaudithook(self._saw)

    def _saw(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if event != "os.rename" or self.left is None:
            return
        if self.left == 0:
            raise PowerCut
        self.left -= 1


_renames = _Renames()  # an audit hook cannot be taken off again, so there is one


@pytest.fixture
def cut_after() -> Iterator[Callable[[int], None]]:
    def set_to(count: int) -> None:
        _renames.left = count

    yield set_to
    _renames.left = None


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    keys.init_development(tmp_path / "home", SystemClock())
    return Layout(tmp_path / "home")


@pytest.fixture
def publisher(layout: Layout) -> Publisher:
    return Publisher(layout, SystemClock())


def test_what_is_published_can_be_fetched(tmp_path: Path, layout: Layout, publisher: Publisher) -> None:
    release, contents = a_release(tmp_path)
    publisher.publish(release, contents)
    client = Client(layout)
    assert client.release(MES, FIRST) == release
    got = client.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "into" / "slot")
    assert got == tmp_path / "into" / "slot" / "wheelhouse.tar"
    assert got.read_bytes() == b"wheels " * 1000


def test_an_artifact_is_stored_by_its_hash(tmp_path: Path, layout: Layout, publisher: Publisher) -> None:
    release, contents = a_release(tmp_path)
    publisher.publish(release, contents)
    wheelhouse = release.artifact(Role.WHEELHOUSE)
    assert (layout.targets / "mes" / "1.0.0" / f"{wheelhouse.sha256}.wheelhouse.tar").exists()


def test_publishing_again_changes_nothing(tmp_path: Path, layout: Layout, publisher: Publisher) -> None:
    release, contents = a_release(tmp_path)
    publisher.publish(release, contents)
    before = {each: each.read_bytes() for each in layout.registry.rglob("*") if each.is_file()}
    assert publisher.publish(release, contents) == release
    assert {each: each.read_bytes() for each in layout.registry.rglob("*") if each.is_file()} == before


@pytest.mark.part11("11.10(k)")
def test_a_version_never_gets_other_content(tmp_path: Path, layout: Layout, publisher: Publisher) -> None:
    publisher.publish(*a_release(tmp_path))
    with pytest.raises(Conflict) as refused:
        publisher.publish(*a_release(tmp_path / "again", content=b"other"))
    assert refused.value.code == "release-exists"
    assert Client(layout).read(MES, FIRST, Role.WHEELHOUSE) == b"wheels " * 1000


def test_a_file_that_changed_since_it_was_packaged_is_not_signed(
    tmp_path: Path, layout: Layout, publisher: Publisher
) -> None:
    release, contents = a_release(tmp_path)
    contents[release.artifact(Role.SBOM)].write_bytes(b"other")
    with pytest.raises(Untrusted) as refused:
        publisher.publish(release, contents)
    assert (refused.value.code, refused.value.hint) == ("artifact-changed", "run the pipeline again")
    assert Client(layout).releases() == []


@pytest.mark.parametrize("name", ["../../keys/x", "a/b", ".hidden", "", "release.json"])
def test_a_name_cannot_leave_its_folder(tmp_path: Path, publisher: Publisher, name: str) -> None:
    release, contents = a_release(tmp_path)
    source = next(iter(contents.values()))
    bad = Artifact(Role.SBOM, name, files.sha256(source), source.stat().st_size)
    with pytest.raises((InvalidInput, Conflict)):
        publisher.publish(
            type(release)(MES, FIRST, (bad,), "x", release.run, release.created_at), {bad: source}
        )


def test_a_power_cut_at_any_write_leaves_a_registry_that_verifies(
    tmp_path: Path, cut_after: Callable[[int], None]
) -> None:
    keys.init_development(tmp_path / "seed", SystemClock())
    Publisher(Layout(tmp_path / "seed"), SystemClock()).publish(*a_release(tmp_path))
    release, contents = a_release(tmp_path, "1.1.0", content=b"second")
    for writes in range(100):
        home = tmp_path / f"cut-{writes}"
        shutil.copytree(tmp_path / "seed", home, symlinks=True)
        layout = Layout(home)
        cut_after(writes)
        try:
            Publisher(layout, SystemClock()).publish(release, contents)
        except PowerCut:
            finished = False
        else:
            finished = True
        _renames.left = None
        seen = Client(layout).releases()
        assert seen in ([(MES, FIRST)], [(MES, FIRST), (MES, SECOND)])
        assert Client(layout).read(MES, FIRST, Role.WHEELHOUSE) == b"wheels " * 1000
        assert Publisher(layout, SystemClock()).publish(release, contents) == release
        assert Client(layout).read(MES, SECOND, Role.WHEELHOUSE) == b"second"
        if finished:
            break
    assert finished
    assert writes == 8  # three artifacts, release.json, targets, snapshot, timestamp, last-signed


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path, layout: Layout) -> None:
    versions = [f"1.0.{n}" for n in range(6)]
    problems: list[AndonError] = []

    def publish(version: str) -> None:
        try:
            Publisher(layout, SystemClock()).publish(*a_release(tmp_path, version))
        except AndonError as error:
            problems.append(error)

    threads = [threading.Thread(target=publish, args=(each,)) for each in versions]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert problems == []
    assert Client(layout).releases() == [(MES, Version(each)) for each in versions]


def test_old_versions_of_metadata_are_cleared_but_not_the_roots(
    tmp_path: Path, layout: Layout, publisher: Publisher
) -> None:
    for number in range(25):
        publisher.publish(*a_release(tmp_path, f"1.0.{number}"))
    assert len(list(layout.metadata.glob("*.targets.json"))) == 20
    assert len(list(layout.metadata.glob("*.snapshot.json"))) == 20
    assert (layout.metadata / "1.root.json").exists()
    assert len(Client(layout).releases()) == 25


def test_only_what_is_past_half_of_its_life_is_signed_again(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    keys.init_development(tmp_path, clock)
    publisher = Publisher(Layout(tmp_path), clock)
    assert publisher.refresh() == ()
    clock.advance(timedelta(days=14))
    assert publisher.refresh() == ()
    clock.advance(timedelta(days=2))
    assert publisher.refresh() == ("snapshot", "timestamp")
    assert publisher.refresh() == ()
    clock.advance(timedelta(days=170))
    assert publisher.refresh() == ("root", "snapshot", "targets", "timestamp")
    assert publisher.refresh() == ()
    assert Client(Layout(tmp_path)).releases() == []


def test_a_client_that_was_off_follows_new_roots(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now() - timedelta(days=600))
    keys.init_development(tmp_path / "home", clock)
    layout = Layout(tmp_path / "home")
    publisher = Publisher(layout, clock)
    publisher.publish(*a_release(tmp_path))
    for _ in range(3):
        clock.advance(timedelta(days=200))
        assert "root" in publisher.refresh()
    assert (layout.metadata / "4.root.json").exists()
    assert Client(layout).releases() == [(MES, FIRST)]


def test_an_expired_registry_recovers_when_its_andon_runs_again(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now() - timedelta(days=40))
    keys.init_development(tmp_path / "home", clock)
    layout = Layout(tmp_path / "home")
    Publisher(layout, clock).publish(*a_release(tmp_path))
    with pytest.raises(Untrusted) as refused:
        Client(layout).releases()
    assert refused.value.code == "metadata-expired"
    assert Publisher(layout, SystemClock()).refresh() == ("snapshot", "timestamp")
    assert Client(layout).releases() == [(MES, FIRST)]


def test_the_root_waits_for_its_keys_when_they_are_kept_offline(tmp_path: Path, layout: Layout) -> None:
    later = ManualClock(SystemClock().now() + timedelta(days=200))
    shutil.rmtree(layout.keys / "root")
    assert Publisher(layout, later).refresh() == ("snapshot", "targets", "timestamp")


def test_without_the_keys_of_a_role_nothing_is_published(
    tmp_path: Path, layout: Layout, publisher: Publisher
) -> None:
    shutil.rmtree(layout.keys / "targets")
    with pytest.raises(Conflict) as refused:
        publisher.publish(*a_release(tmp_path))
    assert refused.value.code == "targets-wait"
    assert Client(layout).releases() == []


def test_a_version_that_waits_for_its_holders_keeps_its_first_content(
    tmp_path: Path, layout: Layout, publisher: Publisher
) -> None:
    shutil.rmtree(layout.keys / "targets")
    with pytest.raises(Conflict, match="waits for the holders"):
        publisher.publish(*a_release(tmp_path))
    request = (layout.pending / "request.json").read_bytes()
    with pytest.raises(Conflict) as refused:
        publisher.publish(*a_release(tmp_path / "again", content=b"other"))
    assert refused.value.code == "release-exists"
    release, contents = a_release(tmp_path)
    later = replace(release, created_at=release.created_at + timedelta(hours=1))
    with pytest.raises(Conflict) as waits:  # built again with the same outcome: nobody is asked anew
        publisher.publish(later, contents)
    assert waits.value.code == "targets-wait"
    assert (layout.pending / "request.json").read_bytes() == request


def test_nothing_is_signed_on_top_of_a_state_that_was_put_back(
    tmp_path: Path, layout: Layout, publisher: Publisher
) -> None:
    publisher.publish(*a_release(tmp_path))
    old = (layout.metadata / "timestamp.json").read_bytes()
    publisher.publish(*a_release(tmp_path, "1.1.0"))
    (layout.metadata / "timestamp.json").write_bytes(old)
    with pytest.raises(Untrusted) as refused:
        publisher.publish(*a_release(tmp_path, "1.2.0"))
    assert refused.value.code == "version-rolled-back"


@pytest.mark.parametrize("file", ["timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_nothing_is_signed_on_top_of_a_changed_file(
    tmp_path: Path, layout: Layout, publisher: Publisher, file: str
) -> None:
    publisher.publish(*a_release(tmp_path))
    path = layout.metadata / file
    path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":3'))
    with pytest.raises(Untrusted):
        publisher.publish(*a_release(tmp_path, "1.1.0"))
    path.unlink()
    with pytest.raises(Untrusted) as refused:
        publisher.refresh()
    assert refused.value.code == "metadata-missing"


def test_a_revoked_release_is_installed_no_more_but_says_what_it_was(
    tmp_path: Path, layout: Layout, publisher: Publisher
) -> None:
    publisher.publish(*a_release(tmp_path))
    publisher.publish(*a_release(tmp_path, "1.1.0"))
    assert publisher.revoke(MES, FIRST, b"loses serials")
    client = Client(layout)
    assert client.releases() == [(MES, SECOND)]
    assert client.revoked() == {(MES, FIRST)}
    with pytest.raises(NotFound) as refused:
        client.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "into")
    assert refused.value.code == "release-revoked"
    with pytest.raises(NotFound) as refused:
        client.installable(MES, FIRST)
    assert refused.value.code == "release-revoked"
    assert client.installable(MES, SECOND).version == SECOND
    assert client.release(MES, FIRST).version == FIRST
    assert b'name = "mes"' in client.read(MES, FIRST, Role.MANIFEST)
    assert not publisher.revoke(MES, FIRST, b"again")


def test_a_revoked_version_is_never_used_again(tmp_path: Path, layout: Layout, publisher: Publisher) -> None:
    release = a_release(tmp_path)
    publisher.publish(*release)
    publisher.revoke(MES, FIRST, b"loses serials")
    with pytest.raises(Conflict) as refused:
        publisher.publish(*release)
    assert refused.value.code == "release-revoked"
    with pytest.raises(NotFound):
        publisher.revoke(MES, SECOND, b"there is none")


def test_a_power_cut_while_revoking_leaves_a_registry_that_verifies(
    tmp_path: Path, cut_after: Callable[[int], None]
) -> None:
    keys.init_development(tmp_path / "seed", SystemClock())
    Publisher(Layout(tmp_path / "seed"), SystemClock()).publish(*a_release(tmp_path))
    for writes in range(10):
        home = tmp_path / f"cut-{writes}"
        shutil.copytree(tmp_path / "seed", home)
        cut_after(writes)
        try:
            finished = Publisher(Layout(home), SystemClock()).revoke(MES, FIRST, b"x")
        except PowerCut:
            finished = False
        _renames.left = None
        assert Client(Layout(home)).releases() in ([], [(MES, FIRST)])
        Publisher(Layout(home), SystemClock()).revoke(MES, FIRST, b"x")
        assert Client(Layout(home)).releases() == []
        if finished:
            break
    assert writes == 5
