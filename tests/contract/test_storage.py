"""What every place of a registry promises, run against a folder and against an S3 server over HTTP."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable, Untrusted
from andon.kernel.ids import Sha256, UnitName, Version
from andon.releases import keys
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.releases.storage import protocol
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Storage
from andon.releases.storage.s3 import S3, Bucket
from andon.testing import buckets
from andon.testing.releases import a_release
from andon.testing.storages import CutStorage, PowerCut

pytestmark = pytest.mark.contract

Make = Callable[[], Storage]
_names = itertools.count()
MES, FIRST, SECOND = UnitName("mes"), Version("1.0.0"), Version("1.1.0")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with buckets.a_server() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "s3"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes empty places of that kind."""

    def folder() -> Storage:
        return Folder(tmp_path / f"place-{next(_names)}")

    def bucket() -> Storage:
        endpoint = request.getfixturevalue("server")
        return S3(buckets.a_bucket(endpoint, f"bucket-{next(_names)}", prefix="plant/registry"))

    return folder if request.param == "folder" else bucket


@pytest.fixture
def place(make: Make) -> Storage:
    return make()


def put(place: Storage, path: str, content: bytes, *pieces: bytes) -> None:
    digest = Sha256(hashlib.sha256(content).hexdigest())
    place.put(path, pieces or (content,), size_bytes=len(content), sha256=digest)


@pytest.mark.parametrize("content", [b"", b"x", b"line\n" * 500_000], ids=["empty", "one", "large"])
def test_what_is_written_is_read_whole_and_from_any_byte_on(place: Storage, content: bytes) -> None:
    put(place, "targets/mes/1.0.0/a.file", content)
    place.write("metadata/small.json", content)
    for path in ("targets/mes/1.0.0/a.file", "metadata/small.json"):
        assert place.size(path) == len(content)
        assert protocol.read(place, path) == content
        for offset in (0, len(content) // 2, len(content)):
            assert b"".join(place.pieces(path, offset=offset)) == content[offset:]


def test_a_file_of_several_parts_is_put_whole(place: Storage) -> None:
    content = bytes(range(256)) * 50_000  # 12.8 MB: three parts of an upload
    pieces = [content[each : each + 700_001] for each in range(0, len(content), 700_001)]
    put(place, "targets/large", content, *pieces)
    assert b"".join(place.pieces("targets/large")) == content


def test_a_file_is_replaced(place: Storage) -> None:
    place.write("metadata/timestamp.json", b"old")
    place.write("metadata/timestamp.json", b"new")
    assert protocol.read(place, "metadata/timestamp.json") == b"new"


def test_what_is_not_there_is_not_found(place: Storage) -> None:
    assert place.size("metadata/none.json") is None
    with pytest.raises(NotFound) as refused:
        list(place.pieces("metadata/none.json"))
    assert refused.value.code == "file-missing"
    place.remove("metadata/none.json")


@pytest.mark.parametrize("wrong", [b"", b"sho", b"right and more", b"wrong"])
def test_bytes_that_are_not_what_they_should_be_never_appear(place: Storage, wrong: bytes) -> None:
    digest = Sha256(hashlib.sha256(b"right").hexdigest())
    with pytest.raises(Untrusted) as refused:
        place.put("targets/file", [wrong], size_bytes=5, sha256=digest)
    assert refused.value.code == "artifact-changed"
    assert place.size("targets/file") is None
    assert [each.path for each in place.list("targets/")] == []


def test_an_empty_file_with_a_wrong_hash_never_appears(place: Storage) -> None:
    with pytest.raises(Untrusted):
        place.put("targets/file", [], size_bytes=0, sha256=Sha256("0" * 64))
    assert place.size("targets/file") is None


def test_an_upload_whose_source_dies_leaves_what_was_there(place: Storage) -> None:
    put(place, "targets/file", b"former")

    def dying() -> Iterator[bytes]:
        yield b"x" * 6_000_000
        raise Unavailable("store-away", "the cable was pulled")

    with pytest.raises(Unavailable):
        place.put("targets/file", dying(), size_bytes=12_000_000, sha256=Sha256("0" * 64))
    assert protocol.read(place, "targets/file") == b"former"


def test_all_files_are_listed_below_a_prefix(place: Storage) -> None:
    wanted = {f"targets/mes/1.0.{number}/f": number for number in range(5)}
    for path, count in wanted.items():
        put(place, path, b"x" * count)
    place.write("metadata/1.root.json", b"root")
    assert {each.path: each.size_bytes for each in place.list("targets/")} == wanted
    assert {each.path for each in place.list("")} == {*wanted, "metadata/1.root.json"}
    assert {each.path for each in place.list("targets/mes/1.0.1")} == {"targets/mes/1.0.1/f"}
    age = SystemClock().now() - next(place.list("metadata/")).written_at
    assert abs(age.total_seconds()) < 3600
    place.remove("targets/mes/1.0.1/f")
    assert place.size("targets/mes/1.0.1/f") is None
    assert len(list(place.list("targets/"))) == 4


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\0b"])
def test_a_path_cannot_leave_the_place(place: Storage, path: str) -> None:
    for attempt in (
        lambda: place.size(path),
        lambda: list(place.pieces(path)),
        lambda: place.write(path, b"x"),
        lambda: put(place, path, b"x"),
        lambda: place.remove(path),
    ):
        with pytest.raises(InvalidInput):
            attempt()


def test_a_power_cut_at_any_change_leaves_a_registry_that_verifies(make: Make, tmp_path: Path) -> None:
    release, contents = a_release(tmp_path, "1.1.0", content=b"second")
    for cut, is_done in itertools.product(range(20), (False, True)):
        home, storage = tmp_path / f"home-{cut}-{is_done}", CutStorage(make())
        keys.init_development(home, SystemClock(), storage=storage)
        layout = Layout(home)
        publisher = Publisher(layout, SystemClock(), storage=storage)
        publisher.publish(*a_release(tmp_path))
        storage.left, storage.is_done, storage.changes = cut, is_done, []
        try:
            publisher.publish(release, contents)
        except PowerCut:
            finished = False
        else:
            finished = True
        changes, storage.left = storage.changes, None
        client = Client(layout, storage)
        assert client.releases() in ([(MES, FIRST)], [(MES, FIRST), (MES, SECOND)])
        assert client.read(MES, FIRST, Role.WHEELHOUSE) == b"wheels " * 1000
        assert publisher.publish(release, contents) == release
        assert client.read(MES, SECOND, Role.WHEELHOUSE) == b"second"
        if finished:
            break
    assert finished
    assert changes[-3:] == ["metadata/3.targets.json", "metadata/3.snapshot.json", "metadata/timestamp.json"]


def test_a_place_that_is_away_is_named_and_may_come_back(server: str) -> None:
    gone = S3(Bucket("http://127.0.0.1:9", "bucket", "andon", "secret"))
    for attempt in (
        lambda: gone.size("a"),
        lambda: list(gone.pieces("a")),
        lambda: gone.write("a", b"x"),
        lambda: put(gone, "a", b"x"),
        lambda: gone.remove("a"),
        lambda: list(gone.list("")),
    ):
        with pytest.raises(Unavailable) as refused:
            attempt()
        assert refused.value.code == "store-away"
        assert "http://127.0.0.1:9/bucket" in refused.value.message
        assert "ANDON_REGISTRY__ENDPOINT" in refused.value.hint
        assert "secret" not in refused.value.message
    with pytest.raises(Unavailable) as refused:
        S3(Bucket(server, "no-such-bucket", "andon", "secret")).write("a", b"x")
    assert refused.value.code == "store-bucket-missing"


@pytest.mark.parametrize("endpoint", ["", "minio.plant:9000", "ftp://minio", "http://minio/path"])
def test_an_endpoint_that_is_no_address_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        S3(Bucket(endpoint, "bucket"))
    assert refused.value.code == "bad-endpoint"


def test_the_secret_is_not_in_what_is_logged() -> None:
    assert "hidden" not in repr(Bucket("http://minio", "bucket", "andon", "hidden"))


def test_a_link_out_of_the_folder_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "link").symlink_to(tmp_path / "secret")
    assert Folder(tmp_path / "registry").size("link") is None


def test_a_store_that_refuses_us_says_what_to_set(server: str) -> None:
    with buckets.refusing() as endpoint, pytest.raises(Forbidden) as refused:
        S3(Bucket(endpoint, "bucket", "andon", "wrong")).size("a")
    assert refused.value.code == "store-refused"
    assert "ANDON_REGISTRY__SECRET_KEY_FILE" in refused.value.hint
