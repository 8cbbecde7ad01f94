"""Writes a small unit without dependencies into a folder, for tests of pipelines and targets."""

from pathlib import Path

_MANIFEST = """\
[unit]
name = "{name}"

[test]
command = ["python", "check.py", "{{junit}}"]
timeout = "{test_timeout}"

[run]
command = ["{name}", "{{port}}"]

[environments.production]
port = {port}
"""

_PROJECT = """\
[project]
name = "{name}"
version = "{version}"
requires-python = ">=3.11"
license = "MIT"

[project.scripts]
{name} = "{name}:main"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/{name}"]
"""

_CODE = '''\
"""Answers every request with its version."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version


def double(number):
    return 2 * number


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = version("{name}").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''

_CHECK = '''\
"""Runs the unit's tests and writes JUnit XML."""

import sys
import traceback
from xml.sax.saxutils import quoteattr

import tests


def run(name):
    try:
        getattr(tests, name)()
    except Exception as error:
        traceback.print_exc()
        failure = f"<failure message={quoteattr(str(error))}/>"
        return f"<testcase classname='tests' name='{name}'>{failure}</testcase>"
    return f"<testcase classname='tests' name='{name}' time='0.01'/>"


cases = [run(name) for name in dir(tests) if name.startswith("test_")]
with open(sys.argv[1], "w") as out:
    out.write("<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>")
sys.exit(any("<failure" in case for case in cases))
'''

_TESTS = """\
import {name}


def test_double():
    assert {name}.double(2) == 4, "double(2) must be 4"
"""


def write(folder: Path, *, name: str = "plain", version: str = "1.0.0", port: int = 8999) -> Path:
    """The sources of a unit in `folder`, which is made; gives `folder`. Its tests need no pytest."""
    source = folder / "src" / name
    source.mkdir(parents=True, exist_ok=True)
    manifest = _MANIFEST.format(name=name, port=port, test_timeout="10m")
    (folder / "andon.toml").write_text(manifest)
    (folder / "pyproject.toml").write_text(_PROJECT.format(name=name, version=version))
    (folder / "requirements.lock").write_text("")
    (folder / "requirements-test.lock").write_text("# nothing\n")
    (source / "__init__.py").write_text(_CODE.format(name=name))
    (folder / "check.py").write_text(_CHECK)
    (folder / "tests.py").write_text(_TESTS.format(name=name))
    return folder
