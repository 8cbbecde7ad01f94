"""The verifier of stations: several sources, none trusted; what was seen is kept, also over a crash."""

import functools
import io
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.releases import keys
from andon.releases.layout import Layout
from andon.releases.publish import Publisher
from andon.testing.releases import a_release
from andon_wire.errors import Malformed, Missing, Unreachable, Untrusted
from andon_wire.sources import FolderSource, HttpSource, Source
from andon_wire.verify import Verifier

CONTENT = b"wheels " * 1000
NAME = "wheelhouse.tar"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "home")
    keys.init_development(layout.home, SystemClock())
    Publisher(layout, SystemClock()).publish(*a_release(tmp_path))
    return layout


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    return tmp_path / "station" / "trust"


Reader = Callable[..., Verifier]


@pytest.fixture
def reader(layout: Layout, trust: Path) -> Reader:
    def make(*sources: Source) -> Verifier:
        return Verifier(
            trust, sources or [FolderSource(layout.registry)], (layout.metadata / "1.root.json").read_bytes()
        )

    return make


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(layout: Layout) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(layout.registry)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_release_is_listed_and_read_over_http(url: str, reader: Reader) -> None:
    verifier = reader(HttpSource(url))
    assert verifier.refresh().source == url
    assert verifier.units() == ["mes"]
    assert verifier.versions("mes") == ["1.0.0"]
    assert verifier.read("mes", "1.0.0", NAME) == CONTENT
    into = io.BytesIO(b"something of before " * 1000)
    verifier.fetch("mes", "1.0.0", NAME, into)
    assert into.getvalue() == CONTENT


def test_what_an_agent_downloads_itself_is_named_with_hash_and_size(layout: Layout, reader: Reader) -> None:
    verifier = reader()
    sha256, size = verifier.artifacts("mes", "1.0.0")[NAME]
    assert size == len(CONTENT)
    assert (layout.registry / verifier.location("mes", "1.0.0", NAME)).read_bytes() == CONTENT
    assert sha256 in verifier.location("mes", "1.0.0", NAME)


def test_what_is_not_there_is_said_so(reader: Reader) -> None:
    verifier = reader()
    assert verifier.versions("other") == []
    for ask in (
        lambda: verifier.artifacts("mes", "2.0.0"),
        lambda: verifier.artifacts("other", "1.0.0"),
        lambda: verifier.location("mes", "1.0.0", "none"),
        lambda: verifier.read("mes", "1.0.0", "none"),
    ):
        with pytest.raises(Missing):
            ask()


def test_a_large_artifact_is_not_read_into_memory(reader: Reader, layout: Layout, tmp_path: Path) -> None:
    large = b"\0" * ((64 << 20) + 1)
    Publisher(layout, SystemClock()).publish(*a_release(tmp_path, "2.0.0", content=large))
    with pytest.raises(Malformed):
        reader().read("mes", "2.0.0", NAME)


class Down:
    """A server that is away."""

    name = "down"

    def pieces(self, path: str) -> Iterator[bytes]:
        raise Unreachable("source-unreadable", path)
        yield b""


def test_a_source_that_is_away_gives_way_to_the_next(layout: Layout, reader: Reader) -> None:
    verifier = reader(Down(), FolderSource(layout.registry))
    refreshed = verifier.refresh()
    assert (refreshed.source, [each.code for each in refreshed.refused]) == (
        str(layout.registry),
        ["source-unreadable"],
    )
    assert verifier.read("mes", "1.0.0", NAME) == CONTENT


def test_a_malicious_mirror_gives_way_to_an_honest_one_and_is_told(
    layout: Layout, reader: Reader, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(layout.registry, mirror)
    for each in mirror.rglob("*.json"):
        each.write_bytes(each.read_bytes().replace(b"e", b"f"))
    for each in mirror.rglob("*.tar"):
        each.write_bytes(b"evil")
    verifier = reader(FolderSource(mirror), FolderSource(layout.registry))
    (refused,) = verifier.refresh().refused
    assert isinstance(refused, Untrusted)
    assert verifier.read("mes", "1.0.0", NAME) == CONTENT
    into = io.BytesIO()
    verifier.fetch("mes", "1.0.0", NAME, into)
    assert into.getvalue() == CONTENT


def test_when_no_source_will_do_the_refusal_counts_more_than_the_silence(
    layout: Layout, reader: Reader
) -> None:
    (layout.metadata / "timestamp.json").write_bytes(b"{}")
    with pytest.raises(Untrusted) as refused:
        reader(Down(), FolderSource(layout.registry), Down()).refresh()
    assert refused.value.code == "bad-metadata"
    with pytest.raises(Unreachable) as away:
        reader(Down()).refresh()
    assert away.value.code == "source-unreadable"


def test_an_older_mirror_is_refused_by_a_new_process_too(
    layout: Layout, reader: Reader, tmp_path: Path
) -> None:
    shutil.copytree(layout.registry, tmp_path / "old")
    Publisher(layout, SystemClock()).publish(*a_release(tmp_path, "1.1.0"))
    reader().refresh()
    with pytest.raises(Untrusted) as refused:
        reader(FolderSource(tmp_path / "old")).refresh()
    assert refused.value.code == "version-rolled-back"
    assert reader(FolderSource(tmp_path / "old"), FolderSource(layout.registry)).versions("mes") == [
        "1.0.0",
        "1.1.0",
    ]


def test_garbage_in_what_was_remembered_does_not_stop_a_station(
    layout: Layout, reader: Reader, trust: Path
) -> None:
    reader().refresh()
    for each in trust.rglob("*.json"):
        each.write_bytes(b"\0" * 100)
    assert reader().versions("mes") == ["1.0.0"]


@pytest.mark.parametrize("endless", ["metadata/timestamp.json", "metadata/2.root.json", "targets"])
def test_endless_data_ends(layout: Layout, reader: Reader, endless: str) -> None:
    given = 0

    class Endless(FolderSource):
        def pieces(self, path: str) -> Iterator[bytes]:
            nonlocal given
            if not path.startswith(endless):
                yield from super().pieces(path)
                return
            while True:
                given += 1 << 20
                yield b" " * (1 << 20)

    with pytest.raises(Untrusted) as refused:
        reader(Endless(layout.registry)).read("mes", "1.0.0", NAME)
    assert refused.value.code == "too-long"
    assert given <= 1 << 20
