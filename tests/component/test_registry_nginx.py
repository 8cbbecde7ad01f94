"""The registry behind the real nginx, with the very file that docs/operations/registry.md hands out."""

import contextlib
import http.client
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.kernel.errors import Untrusted
from andon.kernel.ids import UnitName, Version
from andon.releases import keys
from andon.releases.client import Client
from andon.releases.layout import Layout
from andon.releases.mirroring.mirror import Mirror
from andon.releases.model import Role
from andon.releases.publish import Publisher
from andon.releases.storage.folder import Folder
from andon.releases.storage.web import Web
from andon.testing.ports import free_port
from andon.testing.releases import a_release

pytestmark = pytest.mark.component

ROOT = Path(__file__).parents[2]
MES, FIRST, SECOND = UnitName("mes"), Version("1.0.0"), Version("1.1.0")
LARGE = bytes(range(256)) * 4000
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/registry.conf;
}}
"""


class Served:
    """A home whose registry nginx serves."""

    def __init__(self, home: Path, port: int) -> None:
        self.layout = Layout(home)
        self.publisher = Publisher(self.layout, SystemClock())
        self.port = port
        self.url = f"http://127.0.0.1:{port}/registry"

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, path, headers={key.replace("_", "-"): each for key, each in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, {key.lower(): each for key, each in answer.headers.items()}, answer.read()
        finally:
            connection.close()

    def target(self, name: str) -> str:
        found = next(self.layout.targets.rglob(f"1.0.0/*.{name}"))
        return f"/registry/{found.relative_to(self.layout.registry).as_posix()}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert program, "nginx is missing: apt-get install nginx"
    folder = tmp_path_factory.mktemp("nginx")
    keys.init_development(folder / "home", SystemClock())
    made = Served(folder / "home", free_port())
    made.publisher.publish(*a_release(folder, content=LARGE))
    text = (ROOT / "deploy" / "nginx" / "registry.conf").read_text("utf-8")
    changes = (
        (r"listen 8480;", f"listen 127.0.0.1:{made.port};"),
        (r"root /srv/andon;", f"root {folder}/home;"),
    )
    for asked, given in changes:
        text, count = re.subn(asked, given, text)
        assert count == 1, asked
    (folder / "registry.conf").write_text(text)
    (folder / "nginx.conf").write_text(f"user root;{MAIN.format(folder=folder)}")
    words = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(words)
    try:
        wait_until_it_listens(process, made.port)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            pytest.fail(f"nginx ended with {process.wait(0.1)}")
    pytest.fail("nginx does not listen")


def mirrored(served: Served, folder: Path) -> Folder:
    into = Folder(folder / "mirror")
    root = served.layout.pinned_root.read_bytes()
    Mirror(folder / "memory", root).run(Web(served.url), into)
    return into


def test_an_update_client_reads_through_it(served: Served, tmp_path: Path) -> None:
    trusting = Layout(tmp_path / "station")
    trusting.trust.mkdir(parents=True)
    shutil.copy(served.layout.pinned_root, trusting.pinned_root)
    client = Client(trusting, Web(served.url))
    assert (MES, FIRST) in client.releases()
    got = client.fetch(MES, FIRST, Role.WHEELHOUSE, tmp_path / "slot")
    assert got.read_bytes() == LARGE


def test_a_new_release_is_seen_at_once(served: Served, tmp_path: Path) -> None:
    before = mirrored(served, tmp_path)
    if before.size("metadata/timestamp.json") and not list(served.layout.targets.glob("mes/1.1.0")):
        served.publisher.publish(*a_release(tmp_path, "1.1.0"))
    after = mirrored(served, tmp_path)
    assert list(after.list("targets/mes/1.1.0/"))


def test_a_download_goes_on_by_range(served: Served) -> None:
    path = served.target("wheelhouse.tar")
    status, headers, body = served.ask(path, Range="bytes=1000000-")
    assert (status, body) == (206, LARGE[1_000_000:])
    assert headers["content-range"] == f"bytes 1000000-{len(LARGE) - 1}/{len(LARGE)}"
    assert served.ask(path, Range=f"bytes={len(LARGE)}-")[0] == 416
    assert (
        b"".join(Web(served.url).pieces(path.removeprefix("/registry/"), offset=1_000_000))
        == LARGE[1_000_000:]
    )
    assert list(Web(served.url).pieces(path.removeprefix("/registry/"), offset=len(LARGE))) == []


def test_many_ranges_in_one_request_are_not_served(served: Served) -> None:
    many = ",".join(f"{each}-{each}" for each in range(0, 100, 2))
    assert served.ask(served.target("wheelhouse.tar"), Range=f"bytes={many}")[0] == 200


def test_what_never_changes_is_cached_and_what_does_is_asked_for_again(served: Served) -> None:
    for path in (
        "/registry/metadata/1.root.json",
        served.target("sbom.json"),
        served.target("wheelhouse.tar"),
    ):
        status, headers, _ = served.ask(path)
        assert status == 200
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
    status, headers, body = served.ask("/registry/metadata/timestamp.json")
    assert (status, headers["cache-control"]) == (200, "no-cache")
    again = served.ask("/registry/metadata/timestamp.json", If_None_Match=headers["etag"])
    assert (again[0], again[2]) == (304, b"")
    assert body


def test_what_is_not_there_yet_is_never_cached(served: Served) -> None:
    for path in ("/registry/metadata/999.root.json", "/registry/targets/mes/9.9.9/ab.wheelhouse.tar"):
        status, headers, _ = served.ask(path)
        assert (status, headers["cache-control"]) == (404, "no-store")


def test_nothing_is_compressed_as_lengths_are_signed(served: Served) -> None:
    for path in ("/registry/metadata/1.root.json", served.target("sbom.json")):
        status, headers, body = served.ask(path, Accept_Encoding="gzip")
        assert "content-encoding" not in headers
        assert int(headers["content-length"]) == len(body)
        assert status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/registry",
        "/registry/",
        "/registry/metadata/",
        "/registry/targets/mes/1.0.0/",
        "/keys/last-signed.json",
        "/andon.env",
        "/trust/pinned-root.json",
        "/registry/../keys/last-signed.json",
        "/registry/metadata/../../keys/last-signed.json",
        "/registry/metadata/%2e%2e/%2e%2e/keys/last-signed.json",
        "/registry//metadata/../../trust/pinned-root.json",
        "/registry/metadata/.timestamp.json.ab12.tmp",
        "/registry/targets/mes/1.0.0/.hidden",
    ],
)
def test_nothing_but_the_registrys_files_is_served(served: Served, path: str) -> None:
    (served.layout.metadata / ".timestamp.json.ab12.tmp").write_text("half")
    (served.layout.targets / "mes" / "1.0.0" / ".hidden").write_text("half")
    status, _, body = served.ask(path)
    assert status in {400, 404}
    assert b"root" not in body.lower().replace(b"not found", b"")


def test_a_link_out_of_the_folder_is_not_followed(served: Served) -> None:
    name = f"{'ab' * 32}.key"
    link = served.layout.targets / "mes" / "1.0.0" / name
    link.symlink_to(served.layout.last_signed)
    try:
        assert served.ask(f"/registry/targets/mes/1.0.0/{name}")[0] == 404
    finally:
        link.unlink()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nobody_changes_anything(served: Served, method: str) -> None:
    assert served.ask("/registry/metadata/timestamp.json", method)[0] in {403, 404, 405}
    assert served.ask(served.target("sbom.json"), method)[0] in {403, 404, 405}
    assert served.ask(served.target("sbom.json"), "HEAD")[0] == 200


def test_a_changed_file_behind_it_is_refused(served: Served, tmp_path: Path) -> None:
    path = served.layout.registry / served.target("sbom.json").removeprefix("/registry/")
    former = path.read_bytes()
    path.write_bytes(former.replace(b"CycloneDX", b"cycloneDX"))
    try:
        with pytest.raises(Untrusted):
            mirrored(served, tmp_path)
    finally:
        path.write_bytes(former)
