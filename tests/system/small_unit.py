"""A small unit for whole-process tests: a tester of panels, standard library alone, in any version.

A request tests a panel of parts, so that the judge soon has evidence. `FLAWS` says which release is bad.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FLAWS = {
    "1.2.0": "fails parts that are good, while every request answers 200",
    "1.3.0": "answers some requests with 500",
    "1.4.0": "dies of its start",
    "1.5.0": "its metrics page answers 500",
}


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of the manifest. Times as the manifest writes them; tables: what else it says."""

    name: str = "production"
    port: int = 0
    strategy: str = "canary"
    max_wait: str = "10m"
    steps: str = "[0.3, 1.0]"
    tables: str = ""


_MANIFEST = """
[unit]
name = "parts"
kind = "service"
[build]
kind = "wheel"
[test]
command = ["python", "check.py", "{junit}"]
[run]
command = ["parts", "{host}", "{port}"]
[ready]
path = "/health"
[drain]
timeout = "5s"
[evidence.errors]
source = "gateway"
acceptable = 0.05
dispersion = 1.0
[evidence.yield]
source = "http"
scope = "instance"
exposure = "parts_total"
bad = 'parts_total{result="fail"}'
dispersion = 1.0
"""

_PLACE = """
[environments.{place.name}]
port = {place.port}
instances = 2
strategy = "{place.strategy}"
[environments.{place.name}.policy]
steps = {place.steps}
soak = "1s"
max_wait = "{place.max_wait}"
margin = 2.0
beta = 0.05
warm = "1s"
{place.tables}
"""

_PROJECT = """
[project]
name = "parts"
version = "{version}"
requires-python = ">=3.11"
[project.scripts]
parts = "parts:main"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
only-include = ["src/parts.py"]
sources = ["src"]
"""

_CODE = '''
"""Tests panels of parts; {version}."""
import random
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "{version}"
PARTS_OF_A_PANEL = 10
counts = {{"pass": 0, "fail": 0}}
lock = threading.Lock()
chance = random.Random()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/metrics":
            if VERSION == "1.5.0":
                return self.answer(500, "cannot count")
            body = "".join(
                f'parts_total{{{{release="{{VERSION}}",result="{{result}}"}}}} {{number}}\\n'
                for result, number in counts.items()
            )
            return self.answer(200, "# TYPE parts_total counter\\n" + body)
        if self.path == "/health":
            return self.answer(200, "ok")
        if self.path == "/production":
            return self.answer(200, '{{"lots": 0}}')
        if VERSION == "1.3.0" and chance.random() < 0.3:
            return self.answer(500, "broken")
        rate = 0.3 if VERSION == "1.2.0" else 0.1
        bad = sum(chance.random() < rate for _ in range(PARTS_OF_A_PANEL))
        with lock:
            counts["fail"] += bad
            counts["pass"] += PARTS_OF_A_PANEL - bad
        return self.answer(200, VERSION)

    def answer(self, status, text):
        """In one write: a process that is killed between two would cut its answer off."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self._headers_buffer.append(b"\\r\\n" + body)
        self.flush_headers()

    def log_message(self, *words):
        pass


def main():
    print("parts", VERSION, "begins", flush=True)
    if VERSION == "1.4.0":
        sys.exit("cannot start: the configuration is missing")
    server = ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
'''

_CHECK = """
import sys
report = '<testsuite tests="1" failures="0"><testcase name="counts" time="0.1"/></testsuite>'
open(sys.argv[1], "w").write(report)
"""


def write(folder: Path, version: str, places: Sequence[Place]) -> Path:
    """The source of `version`, which runs in `places`."""
    files = {
        "andon.toml": _MANIFEST + "".join(_PLACE.format(place=each) for each in places),
        "pyproject.toml": _PROJECT.format(version=version),
        "src/parts.py": _CODE.format(version=version),
        "check.py": _CHECK,
        "requirements.lock": "",
        "requirements-test.lock": "",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    return folder
