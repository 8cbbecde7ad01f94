"""Releases of the registries, as the engine asks for them: verified by TUF, then by length and hash."""

import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from andon_agent import download
from andon_agent.engine.ports import Named, Progress
from andon_agent.flow import Flow
from andon_wire.disk import Disk
from andon_wire.errors import Missing, WireError
from andon_wire.sources import FolderSource, HttpSource
from andon_wire.verify import Signed, Verifier

FRESH_S = 300.0  # metadata that is younger is not read again, unless it lacks what is asked for

AnySource = FolderSource | HttpSource
Looks = Mapping[str, WireError | None]  # what was seen of each registry that was asked; None: believed


class RegistryArtifacts:
    """Implements `engine.ports.Artifacts`. monotonic: only rises. Safe for threads.

    looked: hears of every look at the registries, in the thread of whoever asked for an artifact.
    """

    def __init__(
        self,
        trust: Path,
        root: bytes,
        *,
        disk: Disk,
        flow: Flow,
        monotonic: Callable[[], float],
        looked: Callable[[Looks], None] = lambda _: None,
    ) -> None:
        self._looked = looked
        self._trust, self._root, self._disk, self._flow = trust, root, disk, flow
        self._monotonic = monotonic
        self._turn = threading.Lock()  # one user of the trust folder at a time
        self._sources: tuple[AnySource, ...] = ()
        self._verifier = Verifier(trust, (), root, disk=disk)
        self._read_at: float | None = None

    def use(self, sources: Sequence[AnySource]) -> None:
        """From now on these are asked, best first."""
        with self._turn:
            if [each.name for each in sources] == [each.name for each in self._sources]:
                return
            self._sources = tuple(sources)
            self._verifier = Verifier(self._trust, self._sources, self._root, disk=self._disk)
            self._read_at = None

    def names(self, unit: str, version: str) -> Mapping[str, Named]:
        """See `Artifacts`."""
        with self._turn:
            found = self._known(unit, version)
            return {name: Named(name, each.sha256, each.size) for name, each in found.items()}

    def read(self, unit: str, version: str, name: str) -> bytes:
        """See `Artifacts`."""
        with self._turn:
            self._known(unit, version)
            return self._verifier.read(unit, version, name)

    def fetch(self, unit: str, version: str, artifact: Named, into: Path, progress: Progress) -> None:
        """See `Artifacts`."""
        with self._turn:
            self._known(unit, version)
            path = self._verifier.location(unit, version, artifact.name)
            sources = self._sources
        wanted = download.Wanted(path, artifact.sha256, artifact.size)
        download.fetch(wanted, sources, into, disk=self._disk, flow=self._flow, progress=progress)

    def _known(self, unit: str, version: str) -> Mapping[str, Signed]:
        now = self._monotonic()
        if self._read_at is None or now - self._read_at > FRESH_S:
            self._refresh(unit, version, now)
            return self._verifier.artifacts(unit, version)
        try:
            return self._verifier.artifacts(unit, version)
        except Missing:
            self._refresh(unit, version, now)
            return self._verifier.artifacts(unit, version)

    def _refresh(self, unit: str, version: str, now: float) -> None:
        """Of registries that lag behind, one after another until one knows the release."""
        try:
            self._verifier.refresh(lambda: self._verifier.knows(unit, version))
        finally:
            self._looked(self._verifier.looks)
        self._read_at = now


def sources(names: Sequence[str], control: str, context: ssl.SSLContext) -> list[AnySource]:
    """The registries of these addresses and folders, each once, in order. Relative addresses begin with a
    slash where there is no such folder, and are those of the control plane.
    """
    found: dict[str, AnySource] = {}
    for name in names:
        source = _source(name, control, context)
        found.setdefault(source.name, source)
    return list(found.values())


def _source(name: str, control: str, context: ssl.SSLContext) -> AnySource:
    if urlsplit(name).scheme in {"http", "https"}:
        return HttpSource(name, context=context)
    if name.startswith("/registry") or not Path(name).is_absolute():
        return HttpSource(urljoin(f"{control}/", name.lstrip("/")), context=context)
    return FolderSource(Path(name))
