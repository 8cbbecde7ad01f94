"""A bundle carries a part of a registry into a closed network: whole, verified, on from where it was cut."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from andon.kernel.clock import SystemClock
from andon.kernel.errors import AndonError, Conflict, InvalidInput, NotFound, Unavailable, Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.bundles import format as form
from andon.releases.bundles import importer
from andon.releases.bundles.known import known, receipt
from andon.releases.bundles.reader import Bundle
from andon.releases.bundles.writer import Exported, Exporter
from andon.releases.ceremony.server import Ceremonies, Change
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.mirroring import state
from andon.releases.mirroring.model import Mirrored, Wanted
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Storage
from andon.testing.releases import a_release, an_application
from andon.testing.storages import CutStorage, PowerCut

pytestmark = pytest.mark.component


@dataclass
class Sides:
    """Where releases are signed, and the closed network."""

    folder: Path

    def __post_init__(self) -> None:
        keys.init_development(self.folder / "home", SystemClock())
        self.layout = Layout(self.folder / "home")
        self.publisher = Publisher(self.layout, SystemClock())
        self.source: Storage = Folder(self.layout.registry)
        self.root = self.layout.pinned_root.read_bytes()
        self.closed: Storage = Folder(self.folder / "closed")

    def publish(self, version: str, **made: Any) -> None:
        self.publisher.publish(*a_release(self.folder, version, **made))

    def bundle(self, name: str = "out.andon-bundle", **options: Any) -> Exported:
        exporter = Exporter(self.layout, options.pop("source", self.source), SystemClock())
        return exporter.run(self.folder / name, **options)

    def bring(self, file: Path, into: Storage | None = None) -> Mirrored:
        return importer.imported(file, into or self.closed, memory=self.folder / "memory", root=self.root)

    def closed_state(self, name: str = "closed") -> dict[str, list[str]]:
        """What a reader in the closed network sees, and may have, every byte verified."""
        place = Folder(self.folder / name)
        trust = self.folder / "reader"
        shutil.rmtree(trust, ignore_errors=True)
        seen = state.verified(place, trust, self.root)
        there: dict[str, list[str]] = {}
        for each in seen.files:
            if place.size(each.path) is not None:
                assert len(b"".join(place.pieces(each.path))) == each.size_bytes
                there.setdefault(each.release, []).append(each.name)
        return there


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    made = Sides(tmp_path)
    made.publish("1.0.0")
    return made


PARTS = ["andon.toml", "release.json", "sbom.json", "wheelhouse.tar"]


def test_what_is_exported_arrives(sides: Sides) -> None:
    sides.publish("1.1.0", content=b"next")
    made = sides.bundle()
    assert made.releases == ("mes@1.0.0", "mes@1.1.0")
    assert made.file.stat().st_size == made.size_bytes
    assert importer.checked(made.file, root=sides.root).releases == made.releases
    done = sides.bring(made.file)
    assert (done.copied, done.had) == (8, 0)
    assert sides.closed_state() == {"mes@1.0.0": PARTS, "mes@1.1.0": PARTS}
    assert [each.name for each in sides.folder.glob("out*")] == ["out.andon-bundle"]


def test_notes_travel_with_their_release(sides: Sides) -> None:
    sides.publish("1.1.0", notes=b"- scans no longer wait\n")
    sides.bring(sides.bundle().file)
    assert sides.closed_state()["mes@1.1.0"] == sorted([*PARTS, "notes.md"])
    there = Client(sides.layout, sides.closed)
    assert there.read(UnitName("mes"), Version("1.1.0"), Role.NOTES) == b"- scans no longer wait\n"


def test_importing_again_changes_nothing(sides: Sides) -> None:
    made = sides.bundle()
    sides.bring(made.file)
    again = CutStorage(sides.closed)
    assert sides.bring(made.file, again).copied == 0
    assert again.changes == []


@pytest.mark.parametrize("by", ["receipt", "bundle"])
def test_only_what_the_other_side_lacks_is_carried(sides: Sides, by: str) -> None:
    first = sides.bundle("first")
    sides.bring(first.file)
    sides.publish("1.1.0", content=b"next")
    (sides.folder / "receipt").write_bytes(receipt(sides.closed))
    since = known(sides.folder / "receipt" if by == "receipt" else first.file)
    second = sides.bundle("second", known=since)
    assert second.releases == ("mes@1.1.0",)
    assert second.size_bytes < first.size_bytes + 3000
    assert sides.bring(second.file).copied == 4
    assert sides.closed_state() == {"mes@1.0.0": PARTS, "mes@1.1.0": PARTS}
    sides.publish("1.2.0", content=b"third")
    third = sides.bundle("third", known=known(second.file))  # what is assumed is handed on
    assert third.releases == ("mes@1.2.0",)
    sides.bring(third.file)
    assert set(sides.closed_state()) == {"mes@1.0.0", "mes@1.1.0", "mes@1.2.0"}


def test_a_bundle_that_builds_on_what_is_not_there_shows_nothing(sides: Sides) -> None:
    first = sides.bundle("first")
    sides.publish("1.1.0", content=b"next")
    second = sides.bundle("second", known=known(first.file))
    with pytest.raises(Conflict) as refused:
        sides.bring(second.file)
    assert refused.value.code == "bundle-needs-more"
    assert not (sides.folder / "closed").exists()
    sides.bring(first.file)
    sides.bring(second.file)
    assert set(sides.closed_state()) == {"mes@1.0.0", "mes@1.1.0"}


def test_a_bundle_with_nothing_new_still_brings_young_signatures(sides: Sides) -> None:
    first = sides.bundle("first")
    sides.bring(first.file)
    sides.publisher.publish(*a_release(sides.folder, "1.1.0"))
    only = sides.bundle("only", wanted=Wanted(releases=frozenset({"mes@1.0.0"})), known=known(first.file))
    assert only.releases == ()
    assert sides.bring(only.file).version == 3
    assert set(sides.closed_state()) == {"mes@1.0.0"}


def test_a_part_of_a_registry_is_carried_with_its_deltas(sides: Sides) -> None:
    sides.publish("5.0.0", unit="coffee")
    sides.publisher.publish(*an_application(sides.folder, "1.0.0"))
    sides.publisher.publish(*an_application(sides.folder, "1.1.0", base="1.0.0"))
    wanted = Wanted(units=frozenset({"station"}), platforms=frozenset({"linux-x86_64"}))
    sides.bring(sides.bundle(wanted=wanted).file)
    there = sides.closed_state()
    assert set(there) == {"station@1.0.0", "station@1.1.0"}
    assert "delta-linux-x86_64-from-1.0.0.andon" in there["station@1.1.0"]
    assert not any("windows" in each for names in there.values() for each in names)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(units=frozenset({"mse"})),
        Wanted(releases=frozenset({"mes@1.0.0", "mes@9.9.9"})),
        Wanted(platforms=frozenset({"windows-amd64"})),
    ],
)
def test_a_name_that_the_registry_does_not_know_is_no_empty_bundle(sides: Sides, wanted: Wanted) -> None:
    with pytest.raises(NotFound) as refused:
        sides.bundle(wanted=wanted)
    assert refused.value.code == "nothing-to-export"
    assert list(sides.folder.glob("out*")) == []


def test_a_file_is_never_written_over(sides: Sides) -> None:
    (sides.folder / "out.andon-bundle").write_text("something of the person's")
    with pytest.raises(Conflict) as refused:
        sides.bundle()
    assert refused.value.code == "file-exists"


# Cut and gone on.


class Counting(Folder):
    """Says which files were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []
        self.breaks_at = -1

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        if path.startswith("targets/"):
            if len(self.read) == self.breaks_at:
                raise Unavailable("store-away", "the cable was pulled")
            self.read.append(path)
        return super().pieces(path, offset=offset)


def test_an_export_that_was_cut_goes_on_behind_what_is_whole(sides: Sides) -> None:
    sides.publish("1.1.0", content=b"next")
    whole = sides.bundle("whole").file.read_bytes()
    source = Counting(sides.layout.registry)
    source.breaks_at = 5
    with pytest.raises(Unavailable):
        sides.bundle(source=source)
    assert not (sides.folder / "out.andon-bundle").exists()
    first = list(source.read)
    source.read, source.breaks_at = [], -1
    sides.publish("1.2.0", content=b"too late for this one")
    made = sides.bundle(source=source)
    assert set(source.read) & set(first) == set()
    assert len(source.read) == 3
    assert made.was_there > 0
    assert made.releases == ("mes@1.0.0", "mes@1.1.0")
    assert abs(len(made.file.read_bytes()) - len(whole)) < 100  # apart from its time and signature
    sides.bring(made.file)
    assert set(sides.closed_state()) == {"mes@1.0.0", "mes@1.1.0"}


@pytest.mark.parametrize("spoil", ["garbled", "cut", "longer", "empty"])
def test_what_a_power_cut_left_is_not_believed(sides: Sides, spoil: str) -> None:
    source = Counting(sides.layout.registry)
    source.breaks_at = 3
    with pytest.raises(Unavailable):
        sides.bundle(source=source)
    part = sides.folder / "out.andon-bundle.part"
    content = bytearray(part.read_bytes())
    if spoil == "garbled":
        content[-2000:-1000] = bytes(1000)
    spoilt = {"cut": content[:-1], "longer": content + b"x" * 50_000, "empty": b""}
    part.write_bytes(bytes(spoilt.get(spoil, content)))
    made = sides.bundle()
    assert importer.checked(made.file, root=sides.root).releases == ("mes@1.0.0",)
    sides.bring(made.file)


def test_another_wish_does_not_go_on_with_the_former_one(sides: Sides) -> None:
    sides.publish("1.0.0", unit="coffee")
    source = Counting(sides.layout.registry)
    source.breaks_at = 2
    with pytest.raises(Unavailable):
        sides.bundle(source=source)
    made = sides.bundle(wanted=Wanted(units=frozenset({"coffee"})))
    assert made.releases == ("coffee@1.0.0",)


def test_a_part_that_a_stranger_left_there_is_not_gone_on_with(sides: Sides) -> None:
    other = Sides(sides.folder / "other")
    other.publish("6.6.6")
    other.bundle()
    shutil.copy(other.folder / "out.andon-bundle", sides.folder / "out.andon-bundle.part")
    assert sides.bundle().releases == ("mes@1.0.0",)


def test_an_import_that_was_cut_anywhere_shows_the_old_or_the_new(sides: Sides) -> None:
    sides.bring(sides.bundle("first").file)
    sides.publish("1.1.0", content=b"next")
    second = sides.bundle("second").file
    for cut in range(20):
        name = f"closed-{cut}"
        shutil.copytree(sides.folder / "closed", sides.folder / name)
        into = CutStorage(Folder(sides.folder / name))
        into.left = cut
        try:
            sides.bring(second, into)
        except PowerCut:
            finished = False
        else:
            finished = True
        into.left = None
        assert set(sides.closed_state(name)) - {"mes@1.0.0", "mes@1.1.0"} == set()
        before = len(into.changes)
        sides.bring(second, into)
        assert finished or len(into.changes) - before <= 7 - cut  # what was there is not written again
        assert set(sides.closed_state(name)) == {"mes@1.0.0", "mes@1.1.0"}
        if finished:
            break
    assert finished


def test_a_full_disk_at_the_other_side_leaves_what_was_shown(sides: Sides) -> None:
    sides.bring(sides.bundle("first").file)
    sides.publish("1.1.0", content=b"x" * 300_000)

    class Full(Folder):
        def put(self, path: str, pieces: Any, **about: Any) -> None:
            if about["size_bytes"] > 200_000:
                raise Unavailable("store-full", "no room")
            super().put(path, pieces, **about)

    second = sides.bundle("second").file
    with pytest.raises(Unavailable):
        sides.bring(second, Full(sides.folder / "closed"))
    place = Folder(sides.folder / "closed")
    assert state.verified(place, sides.folder / "fresh", sides.root).releases == {"mes@1.0.0"}
    sides.bring(second)
    assert set(sides.closed_state()) == {"mes@1.0.0", "mes@1.1.0"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_here_is_said_and_leaves_no_bundle(sides: Sides, tmp_path: Path) -> None:
    (sides.folder / "out.andon-bundle.part").symlink_to("/dev/full")
    with pytest.raises(Unavailable) as refused:
        sides.bundle()
    assert refused.value.code == "store-full"
    assert not (sides.folder / "out.andon-bundle").exists()


# Spoilt and forged.


def tiny(sides: Sides) -> bytes:
    return sides.bundle("tiny").file.read_bytes()


def refused(sides: Sides, content: bytes) -> AndonError:
    """What importing these bytes is refused with; nothing may have appeared."""
    file = sides.folder / "spoilt"
    file.write_bytes(content)
    with pytest.raises((InvalidInput, Untrusted, Conflict)) as error:
        sides.bring(file)
    assert not (sides.folder / "closed" / "metadata" / "timestamp.json").exists()
    return error.value


def test_a_bundle_that_was_cut_at_any_byte_is_refused(sides: Sides) -> None:
    whole = tiny(sides)
    step = max(1, len(whole) // 200)
    for length in [*range(len(form.MAGIC) + 20), *range(100, len(whole), step), len(whole) - 1]:
        code = refused(sides, whole[:length]).code
        assert code in {"bad-bundle", "bundle-truncated"}, length
    assert not (sides.folder / "closed").exists()


def test_bytes_behind_the_end_are_refused(sides: Sides) -> None:
    assert refused(sides, tiny(sides) + b"x").code == "bad-bundle"


def test_a_changed_byte_anywhere_is_refused(sides: Sides) -> None:
    """Every part of the file: head, table of contents, metadata, and each release's file."""
    whole = tiny(sides)
    with Bundle(sides.folder / "tiny") as bundle:
        places = [bundle.place(each.path) for each in bundle.contents.entries]
        places += [bundle.place(e.path) + e.size_bytes - 1 for e in bundle.contents.entries]
        payload = range(len(form.MAGIC), bundle.begins_at, 37)
    for at in [*range(len(form.MAGIC) + 8), *payload, *places]:
        for bit in (0, 5):
            spoilt = bytearray(whole)
            spoilt[at] ^= 1 << bit
            file = sides.folder / "spoilt"
            file.write_bytes(spoilt)
            if importable(sides, file):
                # JSON has several spellings for one text; what is said is what was signed all the same.
                with Bundle(file) as one, Bundle(sides.folder / "tiny") as other:
                    assert one.contents == other.contents
                shutil.rmtree(sides.folder / "closed")
            assert not (sides.folder / "closed" / "metadata").exists(), at


def importable(sides: Sides, file: Path) -> bool:
    shutil.rmtree(sides.folder / "closed", ignore_errors=True)
    try:
        sides.bring(file)
    except (InvalidInput, Untrusted, Conflict):
        return False
    return True


def mutated(content: bytes, chance: random.Random, head: int) -> bytes:
    """One to four changes, half of them in the head, where a parser can be led astray."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(head if chance.random() < 0.5 else len(made))
        some = chance.randint(1, 40)
        change = chance.randrange(5)
        if change == 0:
            made[at] ^= 1 << chance.randrange(8)
        elif change == 1:
            made[at:at] = chance.randbytes(some)
        elif change == 2:
            del made[at : at + some]
        elif change == 3:
            made[at : at + some] = bytes(some)
        else:
            made[at:at] = made[at : at + some]
    return bytes(made)


def test_no_mutation_of_a_bundle_brings_in_anything_else(sides: Sides) -> None:
    """A bounded sample; `make campaign` runs many more (ANDON_BUNDLES). A failure names its seed."""
    whole = tiny(sides)
    with Bundle(sides.folder / "tiny") as bundle:
        head, contents = bundle.begins_at, bundle.contents
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    for _ in range(int(os.environ.get("ANDON_BUNDLES", "80"))):
        spoilt = mutated(whole, chance, head)
        (sides.folder / "spoilt").write_bytes(spoilt)
        if importable(sides, sides.folder / "spoilt"):
            with Bundle(sides.folder / "spoilt") as found:
                assert found.contents == contents, seed
            assert sides.closed_state() == {"mes@1.0.0": PARTS}, seed
        else:
            assert not (sides.folder / "closed" / "metadata").exists(), seed


def test_a_bundle_that_a_stranger_made_is_refused(sides: Sides) -> None:
    other = Sides(sides.folder / "other")
    other.publish("1.0.0")
    assert isinstance(refused(sides, tiny(other)), Untrusted)


def resigned(sides: Sides, payload: Callable[[form.Contents], bytes], role: str) -> bytes:
    """The same files behind another table of contents, signed by a key of `role`."""
    from securesystemslib.dsse import Envelope

    content = tiny(sides)
    with Bundle(sides.folder / "tiny") as bundle:
        files, contents = content[bundle.begins_at :], bundle.contents
    envelope = Envelope(payload(contents), form.PAYLOAD_TYPE, {})
    for each in keys.load(sides.layout, role):
        envelope.sign(each)
    text = json.dumps(envelope.to_dict()).encode()
    return form.MAGIC + len(text).to_bytes(8, "big") + text + files


def test_only_the_timestamps_keys_sign_a_bundle(sides: Sides) -> None:
    assert refused(sides, resigned(sides, form.render, "snapshot")).code == "bundle-not-signed"


def test_a_file_that_no_metadata_names_is_refused_even_when_signed(sides: Sides) -> None:
    def with_more(contents: form.Contents) -> bytes:
        digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of no bytes
        entry = form.Entry(f"targets/mes/1.0.0/{digest}.extra", digest, 0)  # type: ignore[arg-type]
        return form.render(
            form.Contents(
                contents.created_at,
                contents.version,
                contents.wanted,
                contents.assumed,
                (*contents.entries, entry),
            )
        )

    assert refused(sides, resigned(sides, with_more, "timestamp")).code == "not-signed"


def test_a_bundle_from_before_keys_were_exchanged_is_to_be_made_anew(sides: Sides) -> None:
    made = sides.bundle()
    Ceremonies(sides.layout, SystemClock()).propose(
        Change(exchange=("timestamp",)), reason="yearly", by="kim"
    )
    with pytest.raises(Untrusted) as refusal:
        importer.checked(made.file, root=sides.layout.pinned_root.read_bytes())
    assert refusal.value.code == "bad-signature"
    assert "export it anew" in refusal.value.hint
    sides.bring(made.file)  # who knows the former root only, as they do not know better
    importer.checked(sides.bundle("next").file, root=sides.root)


def test_an_older_bundle_takes_nothing_back(sides: Sides) -> None:
    old = sides.bundle("old").file
    sides.publish("1.1.0", content=b"next")
    sides.bring(sides.bundle("new").file)
    with pytest.raises(Untrusted) as refusal:
        sides.bring(old)
    assert refusal.value.code == "version-rolled-back"
    assert set(sides.closed_state()) == {"mes@1.0.0", "mes@1.1.0"}


def test_verifying_touches_nothing(sides: Sides) -> None:
    file = sides.bundle().file
    before = sorted(sides.folder.rglob("*"))
    importer.checked(file, root=sides.root)
    assert sorted(sides.folder.rglob("*")) == before


def test_verifying_reads_every_byte(sides: Sides) -> None:
    content = bytearray(tiny(sides))
    content[-1] ^= 1
    (sides.folder / "spoilt").write_bytes(content)
    with pytest.raises(Untrusted) as refusal:
        importer.checked(sides.folder / "spoilt", root=sides.root)
    assert refusal.value.code == "hash-mismatch"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"format": "andon-receipt/1", "files": ["../../x"]}',
        b'{"format": 1, "files": []}',
    ],
)
def test_a_receipt_that_is_none_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "receipt").write_bytes(content)
    with pytest.raises(InvalidInput) as refusal:
        known(tmp_path / "receipt")
    assert refusal.value.code == "bad-receipt"


def test_a_large_bundle_takes_little_memory(sides: Sides) -> None:
    """48 MB pass through in pieces; measured is what Python holds, which is where they would be."""
    import tracemalloc

    sides.publish("2.0.0", content=bytes(48_000_000))
    tracemalloc.start()
    try:
        file = sides.bundle().file
        sides.bring(file)
        importer.checked(file, root=sides.root)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000


def test_progress_ends_at_the_whole(sides: Sides) -> None:
    class Watching:
        def __init__(self) -> None:
            self.total: list[int] = []
            self.done: list[int] = []

        def begin(self, what: str, total_bytes: int) -> None:
            self.total.append(total_bytes)
            self.done.append(0)

        def advance(self, path: str, count_bytes: int) -> None:
            self.done[-1] += count_bytes

    for work in (
        lambda watching: sides.bundle(progress=watching),
        lambda watching: importer.imported(
            sides.folder / "out.andon-bundle",
            sides.closed,
            memory=sides.folder / "memory",
            root=sides.root,
            progress=watching,
        ),
        lambda watching: importer.checked(
            sides.folder / "out.andon-bundle", root=sides.root, progress=watching
        ),
    ):
        watching = Watching()
        work(watching)
        assert watching.done == watching.total
