"""The registry of a home, as its settings say. A part of the composition root."""

from andon.kernel.errors import InvalidInput
from andon.releases.layout import Layout
from andon.releases.storage.folder import Folder
from andon.releases.storage.protocol import Storage
from andon.settings import Settings


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
