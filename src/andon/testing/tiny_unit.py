"""A unit small enough to be written by hand: a wheel in a tar, and its manifest. For tests of targets.

It answers `/health` and `/ready`, and does what its data folder asks for: a file `crash` ends it at the
start, `sick` fails its health, `slow-start` keeps it from being ready. `/slow` takes a second and a half.
`/die` ends it at once. `tally-VERSION` counts starts, `migrated-VERSION` migrations.
"""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

from andon.kernel.ids import Version
from andon.units.model import Manifest

_CODE = """\
import os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path(os.environ["HOME"])
RELEASE = os.environ["ANDON_RELEASE"]
BUSY = threading.Semaphore(100)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        if self.path == "/slow":
            with BUSY:
                time.sleep(1.5)
                return self.answer(200, "done")
        sick = self.path == "/health" and (DATA / "sick").exists()
        slow = self.path == "/ready" and (DATA / "slow-start").exists()
        self.answer(503 if sick or slow else 200, RELEASE)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True


def main():
    if sys.argv[1] == "migrate":
        with (DATA / f"migrated-{RELEASE}").open("a") as marks:
            marks.write("x")
        return
    print(f"release {RELEASE} starts", flush=True)
    with (DATA / f"tally-{RELEASE}").open("a") as tally:
        tally.write("x")
    if (DATA / "crash").exists():
        sys.exit("told to crash")
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    stop = lambda *_: threading.Thread(target=server.shutdown).start()
    if not (DATA / "stubborn").exists():
        signal.signal(signal.SIGTERM, stop)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server.serve_forever(poll_interval=0.02)
    server.server_close()
"""

_MANIFEST = """\
[unit]
name = "tiny"
[run]
command = ["tiny", "{port}"]
migrate = ["tiny", "migrate"]
[health]
interval = "100ms"
timeout = "20s"
[ready]
deadline = "2m"
[drain]
timeout = "60s"
[environments.production]
port = 18480
"""


def manifest() -> Manifest:
    """What it declares."""
    import tomllib

    return Manifest.model_validate(tomllib.loads(_MANIFEST))


def wheelhouse(folder: Path, version: Version) -> Path:
    """A tar with its wheel of that version, in `folder`; the same bytes each time."""
    archive = folder / f"tiny-{version}.tar"
    wheel = _wheel(version)
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo(f"tiny-{version}-py3-none-any.whl")
        member.size = len(wheel)
        tar.addfile(member, io.BytesIO(wheel))
    return archive


def _wheel(version: Version) -> bytes:
    info = f"tiny-{version}.dist-info"
    contents = {
        "tiny.py": _CODE,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: andon\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    lines = [f"{name},sha256={_hash(text)},{len(text.encode())}" for name, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as wheel:
        for name, text in contents.items():
            wheel.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return stream.getvalue()


def _hash(text: str) -> str:
    import base64

    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
