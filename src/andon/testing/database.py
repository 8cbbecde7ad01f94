"""A real PostgreSQL from Debian's package for tests, one server for all workers, one database a test."""

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_HINT = "apt-get install postgresql"


def programs() -> Path:
    """Folder of PostgreSQL's server programs, newest version first.

    Raises:
        FileNotFoundError: PostgreSQL's server is not installed; the message says how to install it.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise FileNotFoundError(f"PostgreSQL's server is missing: {_HINT}")
    return Path(on_path).parent


class Server:
    """A PostgreSQL on a Unix socket in `folder`; without durability, for tests only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = programs()
        # The server refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def start(self) -> None:
        """Make the cluster when it is not there, and start it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._as_user:
            shutil.chown(self._folder, "postgres")
        data = self._folder / "data"
        if not data.exists():
            self._run("initdb", "-D", str(data), "-A", "trust", "-U", "andon", "--no-sync", "-E", "UTF8")
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(data), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def url(self, database: str = "postgres") -> str:
        """URL of one of its databases."""
        return f"postgresql://andon@/{database}?host={self._folder}"

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """URL of an empty database that is dropped afterwards."""
        name = f"t_{secrets.token_hex(6)}"
        self._sql(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._sql(f"DROP DATABASE {name} WITH (FORCE)")

    def _sql(self, statement: str) -> None:
        self._run("psql", "-h", str(self._folder), "-U", "andon", "-d", "postgres", "-qc", statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as_user, str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.STDOUT,
            text=True,
            cwd="/",
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout or (self._folder / 'log')}")


@contextlib.contextmanager
def shared_server(folder: Path) -> Iterator[Server]:
    """One server for all processes that name the same `folder`; the last one out stops it."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder / "pg")
    with _counting(folder, +1) as users:
        if users == 1:
            server.start()
    try:
        yield server
    finally:
        with _counting(folder, -1) as users:
            if users == 0:
                server.stop()


@contextlib.contextmanager
def _counting(folder: Path, change: int) -> Iterator[int]:
    with (folder / "users").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        users = int(file.read() or 0) + change
        yield users
        file.seek(0)
        file.truncate()
        file.write(str(users))
