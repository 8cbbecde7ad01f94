"""Files by their SHA-256, and which files came out of which inputs. Everything here can be made again.

A file is written whole or not at all, and never changed; so many processes may share one folder.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import Damaged
from andon.kernel.ids import Sha256
from andon.pipelines.model import StageName, StageResult

_READ_ONLY = 0o444


class Cache:
    """A folder of immutable files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    def add(self, file: Path) -> Sha256:
        """Keep the content of `file`; gives its name."""
        name = files.sha256(file)
        if not self._blob(name).exists():
            with (
                files.replacing(self._ready(self._blob(name)), mode=_READ_ONLY) as out,
                file.open("rb") as source,
            ):
                shutil.copyfileobj(source, out, 1 << 20)
        return name

    def add_bytes(self, content: bytes) -> Sha256:
        """Keep `content`; gives its name."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            return self.add(Path(file.name))

    def path(self, name: Sha256) -> Path:
        """The file of that name; do not change it.

        Raises:
            Damaged: it is not there.
        """
        blob = self._blob(name)
        if not blob.exists():
            raise Damaged("cache-lost", f"{name} is gone from {self._folder}", hint="ship again")
        return blob

    def has(self, name: Sha256) -> bool:
        """Whether a file of that name is kept."""
        return self._blob(name).exists()

    def ready(self) -> Path:
        """The folder, made where it is not there yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def remember(self, stage: StageName, input_hash: str, result: StageResult) -> None:
        """Note what came out of `stage` for these inputs."""
        files.write(self._ready(self._note(stage, input_hash)), json.dumps(asdict(result)).encode())

    def find(self, stage: StageName, input_hash: str) -> StageResult | None:
        """What came out before; None when that is unknown or a file of it is gone."""
        try:
            kept = StageResult(**json.loads(self._note(stage, input_hash).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return kept if self._has(kept.files) else None

    def _has(self, wanted: Mapping[str, Sha256]) -> bool:
        return all(map(self.has, wanted.values()))

    def _blob(self, name: Sha256) -> Path:
        return self._folder / "files" / name[:2] / name

    def _note(self, stage: StageName, input_hash: str) -> Path:
        return self._folder / "stages" / stage / f"{input_hash}.json"

    def _ready(self, file: Path) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file
