"""The gateway's folder: where each document lies, and reading and replacing it.

cds.json lds.json rds/NAME.json   what Envoy watches; also the persisted state it starts from
sds/NAME.json                     certificate and key of a listener, for Envoy alone (`certificates.py`)
bootstrap.json envoy.json envoy.lock envoy.log admin.sock
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from andon.gateway import launch, render
from andon.gateway.names import CDS, LDS, rds
from andon.kernel import files
from andon.kernel.errors import Damaged

_LONGEST_SOCKET = 100  # bytes; the kernel takes 107
_SHORT = Path("/tmp")  # noqa: S108  a folder of our own in it, private to this user


class Folder:
    """The documents, cached after the first reading: nobody else writes them."""

    def __init__(self, root: Path, *, short: Path = _SHORT) -> None:
        """`short`: where a folder for the admin socket is made when `root` is too deep for one."""
        self.root = root.absolute()
        self._short = short
        self.log = self.root / "envoy.log"
        self.bootstrap = self.root / "bootstrap.json"
        self.pid_file = self.root / launch.PID_FILE
        self.rds_folder = self.root / "rds"
        self.sds_folder = self.root / "sds"
        self._cached: dict[str, dict[str, Any]] | None = None

    def prepare(self) -> None:
        """Before a start: make the folder and, where they are missing, documents of an idle gateway."""
        self.rds_folder.mkdir(parents=True, exist_ok=True)
        self.sds_folder.mkdir(exist_ok=True)
        self.root.chmod(0o700)
        if not self.documents()[CDS]["version_info"]:
            self.replace(CDS, render.cluster_document([]))
        if not self.documents()[LDS]["version_info"]:
            self.replace(LDS, render.document([]))

    def check(self, kept: set[str]) -> None:
        """See that what the routes `kept` stand on is there; without any, everything is made anew.

        Raises Damaged when a document was deleted or cut: writing a shorter one would take them down.
        """
        for key in (CDS, LDS):
            if kept and not self.documents()[key]["version_info"]:
                raise Damaged(
                    "gateway-documents",
                    f"{self._path(key)} is missing or damaged while Envoy serves from it",
                    hint="it is written anew as soon as the instances of every unit are known",
                )

    def documents(self) -> dict[str, dict[str, Any]]:
        """All documents by key: `cds`, `lds`, `rds/NAME`. A route document that cannot be read is left out;
        the other two are then without a version and without content."""
        if self._cached is None:
            found: dict[str, dict[str, Any] | None]
            found = {key: self._read(key) or {"version_info": "", "resources": []} for key in (CDS, LDS)}
            found |= {
                rds(path.stem): self._read(rds(path.stem)) for path in self.rds_folder.glob("[!.]*.json")
            }
            self._cached = {key: made for key, made in found.items() if made is not None}
        return self._cached

    def replace(self, key: str, made: dict[str, Any]) -> None:
        """Put a document into place with one rename, which is what Envoy notices."""
        files.write(self._path(key), render.to_bytes(made), mode=0o600)
        self.documents()[key] = made

    def remove(self, key: str) -> None:
        """Delete a route document that no listener reads any more."""
        self._path(key).unlink(missing_ok=True)
        self.documents().pop(key, None)

    def socket(self) -> str:
        """Path of the admin socket; in a short private folder when the gateway's own is too deep.

        Raises Damaged when that short folder belongs to somebody else.
        """
        inside = self.root / "admin.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET:
            return str(inside)
        private = self._short / f"andon-{os.getuid()}"
        private.mkdir(mode=0o700, exist_ok=True)
        found = private.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
            raise Damaged(
                "gateway-socket-folder",
                f"{private} is not a private folder of this user",
                hint=f"remove {private}, or use a data folder with a shorter path",
            )
        return str(private / f"{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]}.sock")

    def log_size(self) -> int:
        """Bytes in Envoy's log."""
        return self.log.stat().st_size if self.log.exists() else 0

    def log_since(self, offset: int) -> str:
        """What Envoy wrote after `offset`, at most the last 64 kB."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as stream:
            stream.seek(max(offset, self.log_size() - 65536, 0))
            return stream.read().decode(errors="replace")

    def _path(self, key: str) -> Path:
        return self.root / f"{key}.json"

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            made = json.loads(self._path(key).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return made if isinstance(made, dict) and "version_info" in made else None
