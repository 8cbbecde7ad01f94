"""The registry of a home, as its settings say. A part of the composition root."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from andon.kernel import files
from andon.kernel.errors import InvalidInput
from andon.releases.layout import Layout, make_folder
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Readable, Storage
from andon.settings import Settings

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
        try:
            return root.read_bytes()
        except OSError as error:
            raise InvalidInput("bad-root-file", f"{root} cannot be read: {error.strerror}") from error
    for each in (*kept, Layout(settings.home.resolve()).pinned_root):
        if each.exists():
            return each.read_bytes()
    raise InvalidInput(
        "no-root",
        "nothing here says which root to trust",
        hint="--root FILE: 1.root.json of the registry, brought by a way that you trust; "
        "docs/operations/registry.md",
    )


def is_signed_here(settings: Settings) -> bool:
    """Whether this home signs a registry of its own."""
    return any((Layout(settings.home.resolve()).keys / "timestamp").glob("*.pem"))
