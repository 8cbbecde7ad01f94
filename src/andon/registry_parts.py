"""The registry of a home, as its settings say. A part of the composition root."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.fleet.field import Field
from andon.fleet.reports.store import ReportStore
from andon.fleet.stations.store import StationStore
from andon.fleet.wanting.store import WantingStore
from andon.kernel import files
from andon.kernel.clock import Clock
from andon.kernel.errors import InvalidInput
from andon.releases import keys, roles
from andon.releases.garbage.collector import Collector, Parts
from andon.releases.garbage.model import Rules, Use
from andon.releases.layout import Layout, make_folder
from andon.releases.publish import Publisher
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Readable, Storage
from andon.releases.store import ReleaseStore
from andon.releases.upkeep import Tell, Terms, Upkeep
from andon.rollouts.sets.store import SetStore
from andon.rollouts.store import RolloutStore
from andon.rollouts.uses import RolloutUses
from andon.settings import Settings
from andon.store.engine import Database
from andon.units.store import DesiredStore

_ROOT = "root.json"


def storage_of(settings: Settings) -> Storage:
    """Where the registry's static files lie. Asks nothing yet.

    Raises:
        InvalidInput: the bucket's address is none, or a file that the settings name cannot be read.
    """
    wanted = settings.registry
    if not wanted.bucket:
        return Folder(Layout(settings.home.resolve()).registry)
    from andon.releases.storage.s3 import S3, Bucket

    return S3(
        Bucket(
            endpoint=wanted.endpoint,
            bucket=wanted.bucket,
            access_key=wanted.access_key,
            secret_key=_secret(settings),
            prefix=wanted.prefix,
            region=wanted.region,
            ca=wanted.ca,
        )
    )


def _secret(settings: Settings) -> str:
    path = settings.registry.secret_key_file
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise InvalidInput(
            "bad-secret-file",
            f"{path} cannot be read: {error.strerror}",
            hint="ANDON_REGISTRY__SECRET_KEY_FILE names a file with the secret key alone",
        ) from error


def place_of(settings: Settings, text: str) -> Storage:
    """The place that a person names: a folder, or `s3://bucket/prefix` of the store that the settings name.

    Raises:
        InvalidInput: it is an address of a web server, which nothing can be written to, or the settings name
            no store.
    """
    if "://" not in text:
        return Folder(Path(text).resolve())
    kind, _, rest = text.partition("://")
    bucket, _, prefix = rest.partition("/")
    if kind != "s3" or not bucket:
        raise InvalidInput(
            "bad-place", f"nothing can be written to {text}", hint="name a folder, or s3://bucket/prefix"
        )
    named = settings.registry.model_copy(update={"bucket": bucket, "prefix": prefix})
    return storage_of(settings.model_copy(update={"registry": named}))


def source_of(settings: Settings, text: str) -> Readable:
    """The place that a person names to read from: as `place_of`, and web servers, too."""
    if not text.startswith(("http://", "https://")):
        return place_of(settings, text)
    from andon.kernel import tls
    from andon.releases.storage.web import Web

    return Web(text, context=None if settings.ca is None else tls.client_context(settings.ca))


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a home keeps of one mirror: its folder, and the root that the first run was given."""

    folder: Path
    root: bytes

    def keep(self) -> None:
        """Use this root for the next runs, too."""
        if not (self.folder / _ROOT).exists():
            make_folder(self.folder)
            files.write(self.folder / _ROOT, self.root)


def remembered(settings: Settings, into: Storage, root: Path | None) -> Remembered:
    """For the mirror `into`: the root in the file `root`, else that of its first run, else this home's own.

    Raises:
        InvalidInput: the file cannot be read, or nothing says which root to trust.
    """
    home = settings.home.resolve()
    folder = home / "mirrors" / hashlib.sha256(into.name.encode()).hexdigest()[:16]
    return Remembered(folder, pinned(settings, root, folder / _ROOT))


def pinned(settings: Settings, root: Path | None, *kept: Path) -> bytes:
    """The root to trust: in the file `root`, else the first of `kept`, else the home's; or InvalidInput."""
    if root is not None:
        return _root_in(root)
    for each in (*kept, Layout(settings.home.resolve()).pinned_root):
        if each.exists():
            return each.read_bytes()
    raise InvalidInput(
        "no-root",
        "nothing here says which root to trust",
        hint="--root FILE: 1.root.json of the registry, brought by a way that you trust; "
        "docs/operations/registry.md",
    )


def _root_in(file: Path) -> bytes:
    hint = "--root FILE: 1.root.json of the registry, brought by a way that you trust"
    try:
        content = file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput("bad-root-file", f"{file} cannot be read: {reason}", hint=hint) from error
    if not roles.is_root(content):
        raise InvalidInput("bad-root-file", f"{file} is no signed root of a registry", hint=hint)
    return content


def is_signed_here(settings: Settings) -> bool:
    """Whether this home signs a registry of its own."""
    layout = Layout(settings.home.resolve())
    return layout.pinned_root.exists() and not keys.is_following(layout)


class FleetUses:
    """What stations have, were told, are pinned to, or are sent back to."""

    def __init__(self, field: Field, wanting: WantingStore) -> None:
        self._field = field
        self._wanting = wanting

    async def in_use(self) -> Sequence[Use]:
        """See `andon.releases.garbage.model.InUse`."""
        found = [Use(*each, "is on a station, or wanted there") for each in await self._field.releases()]
        said, gone = await self._wanting.said(), await self._field.gone()
        found += [
            Use(each.unit, each.version, f"is pinned on {each.station}: {each.reason}")
            for each in said.pins
            if each.version is not None and each.station not in gone
        ]
        found += [Use(each.unit, each.to, f"is what {each.version} is recalled to") for each in said.recalls]
        for (unit, environment), each in (await self._wanting.opened()).items():
            if each.version is not None:
                found.append(Use(unit, each.version, f"is opened to stations of {environment}"))
        return found


def collector_of(settings: Settings, database: Database, clock: Clock) -> Collector:
    """The garbage collection of a home."""
    return Collector(_collected_of(settings, database, clock), clock, _rules(settings))


@dataclass(frozen=True, slots=True)
class Kept:
    """What looks after the registry of a running Andon."""

    collector: Collector
    upkeep: Upkeep


def kept_of(
    settings: Settings, database: Database, clock: Clock, releases: ReleaseStore, *, tell: Tell
) -> Kept:
    """The collection, and the look at the registry that pages show. tell: puts an event on the timeline."""
    parts = _collected_of(settings, database, clock, releases)
    collector = Collector(parts, clock, _rules(settings))
    terms = Terms(_rules(settings), settings.registry.collect)
    return Kept(collector, Upkeep(parts, collector, clock, terms, tell=tell))


def _rules(settings: Settings) -> Rules:
    return Rules(settings.registry.keep, settings.registry.grace)


def _collected_of(
    settings: Settings, database: Database, clock: Clock, releases: ReleaseStore | None = None
) -> Parts:
    home = settings.home.resolve()
    layout, storage = Layout(home), storage_of(settings)
    wanting, desired = WantingStore(database), DesiredStore(database)
    uses = (
        RolloutUses(RolloutStore(database), SetStore(database), desired),
        FleetUses(Field(ReportStore(database), wanting, StationStore(database), clock), wanting),
    )
    return Parts(
        layout=layout,
        storage=storage,
        releases=releases or ReleaseStore(database, home, clock, storage=storage),
        publisher=Publisher(layout, clock, storage=storage),
        uses=uses,
    )
