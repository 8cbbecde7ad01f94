"""A mirror: verified before it shows anything, never half a state, never what is there already again."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from andon.kernel import files
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import AndonError, Conflict, NotFound, Unavailable, Untrusted
from andon.kernel.ids import UnitName
from andon.releases import keys
from andon.releases.layout import Layout
from andon.releases.mirroring import parts, state
from andon.releases.mirroring.mirror import Mirror
from andon.releases.mirroring.model import Mirrored, Wanted, base_of, platform_of
from andon.releases.publish import Publisher
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Readable, Storage
from andon.releases.storage.s3 import S3
from andon.releases.storage.web import Web
from andon.testing import buckets
from andon.testing.releases import a_release, an_application
from andon.testing.storages import CutStorage, PowerCut
from andon.testing.webs import a_web

pytestmark = pytest.mark.component

MES = UnitName("mes")


class Plant:
    """A registry with releases, and a reader of a mirror who trusts its root alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        keys.init_development(folder / "home", SystemClock())
        self.layout = Layout(folder / "home")
        self.publisher = Publisher(self.layout, SystemClock())
        self.source = Folder(self.layout.registry)
        self.root = self.layout.pinned_root.read_bytes()

    def publish(self, version: str, *, unit: str = "mes", content: bytes | None = None) -> None:
        made = {} if content is None else {"content": content}
        self.publisher.publish(*a_release(self.folder, version, unit=unit, **made))

    def mirror(self, into: Storage, source: Readable | None = None, **options: object) -> Mirrored:
        wanted = options.pop("wanted", Wanted())
        mirror = Mirror(self.folder / "memory", self.root, **options)  # type: ignore[arg-type]
        return mirror.run(source or self.source, into, wanted)  # type: ignore[arg-type]

    def reads(self, place: Readable) -> dict[str, int]:
        """What a new client sees and can read there, every byte verified: releases with their files."""
        for each in self.folder.glob("reader-*"):
            shutil.rmtree(each)
        seen = state.verified(place, self.folder / f"reader-{files.secrets.token_hex(3)}", self.root)
        for each in seen.files:
            held = b"".join(place.pieces(each.path))
            assert len(held) == each.size_bytes
        return {each: sum(file.release == each for file in seen.files) for each in sorted(seen.releases)}


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    made = Plant(tmp_path)
    made.publish("1.0.0")
    return made


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with buckets.a_server() as endpoint:
        yield endpoint


def test_a_mirror_shows_what_its_source_shows_and_copies_only_what_is_missing(
    plant: Plant, tmp_path: Path
) -> None:
    into = Folder(tmp_path / "mirror")
    assert plant.mirror(into).copied == 4
    assert plant.reads(into) == {"mes@1.0.0": 4}
    again = plant.mirror(into)
    assert (again.copied, again.had, again.version) == (0, 4, 2)
    plant.publish("1.1.0", content=b"next")
    assert plant.mirror(into).copied == 4
    assert plant.reads(into) == {"mes@1.0.0": 4, "mes@1.1.0": 4}


def test_a_mirror_keeps_the_states_before_this_one_and_not_all_there_ever_were(
    plant: Plant, tmp_path: Path
) -> None:
    into = Folder(tmp_path / "mirror")
    for number in range(1, 25):
        plant.publish(f"2.{number}.0", content=b"x")
        plant.mirror(into)
    there = sorted(each.path.partition("/")[2] for each in into.list("metadata/"))
    for role in ("targets", "snapshot"):
        kept = sorted(int(each.split(".")[0]) for each in there if each.endswith(f"{role}.json"))
        assert kept == list(range(7, 27))  # of versions 3 to 26: the last, and 19 before it
    assert "1.root.json" in there
    assert len(plant.reads(into)) == 25


def test_any_place_can_be_mirrored_to_any_other(plant: Plant, tmp_path: Path, server: str) -> None:
    bucket = S3(buckets.a_bucket(server, "mirror"))
    with a_web(plant.layout.registry) as web:
        plant.mirror(bucket, Web(web.url))
    assert plant.reads(bucket) == {"mes@1.0.0": 4}
    back = Folder(tmp_path / "back")
    shutil.rmtree(tmp_path / "memory")
    plant.mirror(back, bucket)
    assert plant.reads(back) == {"mes@1.0.0": 4}


def test_readers_never_see_half_a_state_wherever_it_is_cut(plant: Plant, tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    plant.mirror(Folder(seed))
    plant.publish("1.1.0", content=b"next")
    old, new = {"mes@1.0.0": 4}, {"mes@1.0.0": 4, "mes@1.1.0": 4}
    for cut, is_done in itertools.product(range(20), (False, True)):
        place = tmp_path / f"cut-{cut}-{is_done}"
        shutil.copytree(seed, place)
        into = CutStorage(Folder(place))
        into.left, into.is_done = cut, is_done
        try:
            plant.mirror(into)
        except PowerCut:
            finished = False
        else:
            finished = True
        into.left = None
        assert plant.reads(into) in (old, new)
        plant.mirror(into)
        assert plant.reads(into) == new
        if finished:
            break
    assert finished
    assert [each.partition("/")[0] for each in into.changes] == ["targets"] * 4 + ["metadata"] * 3
    assert into.changes[-1] == "metadata/timestamp.json"


def test_a_download_that_was_cut_goes_on_at_the_byte_where_it_was(plant: Plant, tmp_path: Path) -> None:
    plant.publish("2.0.0", content=bytes(range(256)) * 8000)
    large = next(plant.layout.targets.rglob("2.0.0/*.wheelhouse.tar")).name
    into = Folder(tmp_path / "mirror")
    with a_web(plant.layout.registry) as web:
        web.cut_after = 900_000
        for begin in (0, 900_000):
            with pytest.raises(Unavailable):
                plant.mirror(into, Web(web.url))
            assert web.asked[-1] == (f"targets/mes/2.0.0/{large}", begin)
        with pytest.raises(NotFound):
            next(into.pieces("metadata/timestamp.json"))
        web.cut_after = None
        plant.mirror(into, Web(web.url))
        assert web.asked.count((f"targets/mes/2.0.0/{large}", 1_800_000)) == 1
    assert plant.reads(into) == {"mes@1.0.0": 4, "mes@2.0.0": 4}
    assert list((tmp_path / "memory" / "downloads").iterdir()) == []


def test_a_server_without_ranges_is_gone_on_with_too(plant: Plant, tmp_path: Path) -> None:
    plant.publish("2.0.0", content=bytes(range(256)) * 8000)
    into = Folder(tmp_path / "mirror")
    with a_web(plant.layout.registry) as web:
        web.has_ranges, web.cut_after = False, 900_000
        with pytest.raises(Unavailable):
            plant.mirror(into, Web(web.url))
        web.cut_after = None
        plant.mirror(into, Web(web.url))
    assert plant.reads(into) == {"mes@1.0.0": 4, "mes@2.0.0": 4}


def test_a_part_that_a_power_cut_garbled_is_brought_anew(plant: Plant, tmp_path: Path) -> None:
    wheelhouse = next(plant.layout.targets.rglob("*.wheelhouse.tar"))
    downloads = tmp_path / "memory" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / f"{wheelhouse.name[:64]}.part").write_bytes(b"\0" * 100)
    into = Folder(tmp_path / "mirror")
    plant.mirror(into)
    assert plant.reads(into) == {"mes@1.0.0": 4}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "what", ["targets/mes/1.1.0/*.tar", "metadata/timestamp.json", "metadata/*.targets.json"]
)
def test_a_changed_byte_at_the_source_leaves_the_mirror_as_it_was(
    plant: Plant, tmp_path: Path, what: str
) -> None:
    into = Folder(tmp_path / "mirror")
    plant.mirror(into)
    plant.publish("1.1.0", content=b"next")
    flip(max(plant.layout.registry.glob(what)))
    with pytest.raises(Untrusted):
        plant.mirror(into)
    assert plant.reads(into) == {"mes@1.0.0": 4}
    assert not list((tmp_path / "mirror").rglob("1.1.0/*.tar"))


def test_a_mirror_never_goes_back(plant: Plant, tmp_path: Path) -> None:
    shutil.copytree(plant.layout.registry, tmp_path / "old")
    plant.publish("1.1.0")
    into = Folder(tmp_path / "mirror")
    plant.mirror(into)
    with pytest.raises(Untrusted) as refused:
        plant.mirror(into, Folder(tmp_path / "old"))
    assert refused.value.code == "version-rolled-back"
    shutil.rmtree(tmp_path / "memory")  # what was seen is lost; what is shown still counts
    with pytest.raises(Conflict) as conflict:
        plant.mirror(into, Folder(tmp_path / "old"))
    assert conflict.value.code == "mirror-newer"
    assert plant.reads(into) == {"mes@1.0.0": 4, "mes@1.1.0": 4}


def test_a_strangers_registry_is_not_mirrored(plant: Plant, tmp_path: Path) -> None:
    stranger = Plant(tmp_path / "stranger")
    stranger.publish("9.9.9")
    with pytest.raises(Untrusted):
        plant.mirror(Folder(tmp_path / "mirror"), stranger.source)
    assert not (tmp_path / "mirror").exists()


def test_a_damaged_mirror_is_mended_when_it_is_checked(plant: Plant, tmp_path: Path) -> None:
    into = Folder(tmp_path / "mirror")
    plant.mirror(into)
    flip(next((tmp_path / "mirror").rglob("*.wheelhouse.tar")))
    assert plant.mirror(into).copied == 0
    assert plant.mirror(into, checks=True).copied == 1
    assert plant.reads(into) == {"mes@1.0.0": 4}


def test_a_full_disk_is_said_before_anything_is_copied(plant: Plant, tmp_path: Path) -> None:
    class Small(Folder):
        def free_bytes(self) -> int:
            return 100

    with pytest.raises(Unavailable) as refused:
        plant.mirror(Small(tmp_path / "mirror"))
    assert refused.value.code == "store-full"
    assert not (tmp_path / "mirror").exists()


def test_the_disk_of_the_downloads_is_looked_at_too(plant: Plant, tmp_path: Path) -> None:
    state_files = state.verified(plant.source, tmp_path / "seen", plant.root).files
    room = shutil.disk_usage(tmp_path).free
    huge = [replace(each, size_bytes=room // 2 + 1) for each in state_files[:1]]
    into = Folder(tmp_path / "mirror")  # on the same disk: one copy would fit, and two do not
    with pytest.raises(Unavailable, match="where downloads are kept") as refused:
        parts.check_room(tmp_path / "downloads", into, huge)
    assert refused.value.code == "store-full"
    parts.check_room(tmp_path / "downloads", into, list(state_files))


def test_a_part_of_what_is_named_no_more_is_removed(plant: Plant, tmp_path: Path) -> None:
    downloads = tmp_path / "memory" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / f"{'0' * 64}.part").write_bytes(b"of a release that was collected")
    plant.mirror(Folder(tmp_path / "mirror"))
    assert list(downloads.iterdir()) == []


def test_two_runs_do_not_work_on_one_mirror(plant: Plant, tmp_path: Path) -> None:
    problems: list[AndonError] = []

    class Reentrant(Folder):
        def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
            try:
                plant.mirror(Folder(tmp_path / "mirror"))
            except AndonError as error:
                problems.append(error)
            return super().pieces(path, offset=offset)

    plant.mirror(Folder(tmp_path / "mirror"), Reentrant(plant.layout.registry))
    assert {each.code for each in problems} == {"busy"}


def test_a_part_of_a_registry_is_what_was_asked_for(plant: Plant, tmp_path: Path) -> None:
    plant.publish("3.0.0", unit="coffee")
    release, contents = an_application(tmp_path, "1.1.0", base="1.0.0")
    plant.publisher.publish(release, contents)

    def copied(**wanted: frozenset[str]) -> set[str]:
        place = tmp_path / f"part-{len(list(tmp_path.glob('part-*')))}"
        plant.mirror(Folder(place), wanted=Wanted(**wanted))
        found = place.glob("targets/*/*/*")
        return {f"{each.parts[-3]}/{each.parts[-2]}/{each.name[65:]}" for each in found}

    assert {each.split("/")[0] for each in copied(units=frozenset({"coffee"}))} == {"coffee"}
    assert {each.split("/")[1] for each in copied(releases=frozenset({"mes@1.0.0"}))} == {"1.0.0"}
    only = copied(releases=frozenset({"station@1.1.0"}), platforms=frozenset({"windows-amd64"}))
    names = {each.rpartition("/")[2] for each in only}
    assert "delta-windows-amd64-from-1.0.0.andon" in names
    assert "release.json" in names
    assert not any("linux" in each for each in names)


@pytest.mark.parametrize(
    ("name", "platform", "base"),
    [
        ("tree-linux-x86_64.json", "linux-x86_64", None),
        ("delta-windows-amd64-from-1.0.0-rc.1.andon", "windows-amd64", "1.0.0-rc.1"),
        ("wheelhouse.tar", None, None),
        ("delta-linux.andon", None, None),
    ],
)
def test_an_artifacts_name_says_its_platform_and_a_delta_where_it_begins(
    name: str, platform: str | None, base: str | None
) -> None:
    assert (platform_of(name), base_of(name)) == (platform, base)


def test_a_client_that_was_off_for_years_finds_every_root(plant: Plant, tmp_path: Path) -> None:
    """The mirror's own pin may be younger than that of who reads from it."""
    first = plant.root
    for days in (200, 400):
        later = ManualClock(SystemClock().now() + timedelta(days=days))
        assert "root" in Publisher(plant.layout, later).refresh()
    memory_root = (plant.layout.metadata / "3.root.json").read_bytes()
    into = Folder(tmp_path / "mirror")
    Mirror(tmp_path / "other-memory", memory_root).run(plant.source, into)
    assert {each.name for each in (tmp_path / "mirror" / "metadata").glob("*.root.json")} == {
        "1.root.json",
        "2.root.json",
        "3.root.json",
    }
    assert state.verified(into, tmp_path / "old-client", first).releases == {"mes@1.0.0"}
