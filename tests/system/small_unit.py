"""A small unit for whole-process tests: a counter of parts, standard library alone, in any version.

Version 1.2.0 fails parts that are good; 1.3.0 answers some requests with 500; 1.4.0 dies of its start.
"""

from pathlib import Path

_MANIFEST = """
[unit]
name = "parts"
kind = "service"
[build]
kind = "wheel"
[test]
command = ["python", "check.py", "{{junit}}"]
[run]
command = ["parts", "{{host}}", "{{port}}"]
[ready]
path = "/health"
[drain]
timeout = "5s"
[evidence.errors]
source = "gateway"
acceptable = 0.02
[evidence.yield]
source = "http"
scope = "instance"
exposure = "parts_total"
bad = 'parts_total{{result="fail"}}'
[environments.production]
port = {port}
instances = 2
strategy = "{strategy}"
[environments.production.policy]
steps = [0.2, 1.0]
soak = "1s"
max_wait = "120s"
margin = 2.0
beta = 0.05
warm = "1s"
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
"""Counts parts; {version}."""
import random
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "{version}"
counts = {{"pass": 0, "fail": 0}}
lock = threading.Lock()
chance = random.Random()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/metrics":
            body = "".join(
                f'parts_total{{{{release="{{VERSION}}",result="{{result}}"}}}} {{number}}\\n'
                for result, number in counts.items()
            )
            return self.answer(200, "# TYPE parts_total counter\\n" + body)
        if self.path == "/health":
            return self.answer(200, "ok")
        if VERSION == "1.3.0" and chance.random() < 0.2:
            return self.answer(500, "broken")
        is_bad = chance.random() < (0.5 if VERSION == "1.2.0" else 0.1)
        with lock:
            counts["fail" if is_bad else "pass"] += 1
        return self.answer(200, VERSION)

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def main():
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


def write(folder: Path, version: str, *, port: int, strategy: str = "canary") -> Path:
    """The source of `version`, to be served by the gateway on `port`."""
    files = {
        "andon.toml": _MANIFEST.format(port=port, strategy=strategy),
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
