"""What an agent costs while nothing is to be done: `python -m bench.agent.idle`.

A control plane of a few lines holds its questions open and takes its reports; nothing is wanted. Printed are
the memory (resident, and proportional where shared pages are divided among their users) and the processor's
time, reckoned up to an hour, of the agent and of its launcher where it is a frozen bundle.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from andon_wire.enrolment import Token
from andon_wire.identity import PrivateKey, sign_wanted
from andon_wire.protocol import Report, Wanted

ROOT = '{"signed": {"_type": "root"}}'
SETTLE_S = 15.0


class Plant(BaseHTTPRequestHandler):
    """Wants nothing of anybody."""

    protocol_version = "HTTP/1.1"
    fleet = PrivateKey.generate()
    over = threading.Event()
    reports = 0

    def do_GET(self) -> None:
        if "have=0&" not in self.path:
            self.over.wait(50)
            self._say(304, b"")
            return
        wanted = Wanted(station="idle", revision=1, issued_at=datetime.now(UTC))
        self._say(200, sign_wanted(wanted, self.fleet).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = datetime.now(UTC).isoformat()
        if self.path.endswith("/enrol"):
            said = {"station": "idle", "root": ROOT, "wanted_key": self.fleet.public, "now": now}
        else:
            report = Report.model_validate_json(body)
            type(self).reports += 1
            said = {"seq": max((each.seq for each in report.events), default=0), "revision": 1, "now": now}
        self._say(200, json.dumps(said).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", help="of a frozen bundle; else the agent runs from source")
    parser.add_argument("--seconds", type=float, default=300.0)
    given = parser.parse_args()
    program = [given.program] if given.program else [sys.executable, "-m", "andon_agent.main"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Plant)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="andon-idle-") as home:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        token = str(Token.make(Plant.fleet.public, ROOT))
        enrol = [*program, "--home", home, "enrol", "--url", url]
        subprocess.run(enrol, input=token, text=True, check=True, stdout=subprocess.DEVNULL)
        verb = "launch" if given.program else "run"
        began = time.monotonic()
        with (Path(home) / "log").open("wb") as log:
            agent = subprocess.Popen([*program, "--home", home, verb], stdout=log, stderr=log)
        try:
            while not Plant.reports:
                if agent.poll() is not None or time.monotonic() - began > 120:
                    raise SystemExit((Path(home) / "log").read_text())
                threading.Event().wait(0.05)
            print(f"first report after {time.monotonic() - began:.1f} s")
            threading.Event().wait(SETTLE_S)
            _measure(psutil.Process(agent.pid), given.seconds)
        finally:
            Plant.over.set()
            agent.terminate()
            agent.wait(60)
    if given.program:
        _size(Path(given.program).parent)
    return 0


def _measure(first: psutil.Process, seconds: float) -> None:
    processes = [first, *first.children(recursive=True)]
    before = [_cpu(each) for each in processes]
    reports = Plant.reports
    threading.Event().wait(seconds)
    for each, earlier in zip(processes, before, strict=True):
        spent = _cpu(each) - earlier
        memory = each.memory_full_info()
        name = "agent" if each is processes[-1] else "launcher"
        print(
            f"{name}: {memory.rss / 1e6:.1f} MB resident, {memory.pss / 1e6:.1f} MB proportional, "
            f"{spent * 3600 / seconds:.1f} s of processor an hour ({spent / seconds:.3%} of a core), "
            f"{each.num_threads()} threads"
        )
    print(f"{Plant.reports - reports} reports in {seconds:.0f} s")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _size(folder: Path) -> None:
    files = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
    print(f"bundle: {len(files)} files, {sum(each.stat().st_size for each in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
