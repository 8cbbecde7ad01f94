"""A registry in a bucket of an S3-compatible store: MinIO, Ceph, Garage, SeaweedFS, or Amazon's own.

S3 promises what the order of writing needs: an object appears whole or not at all, a read after a write that
was answered sees it, and an answer is given when the object is durable. Large objects go in parts that appear
together at the end. What is not here: making the bucket, and who may read it; that is its administrator's.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from andon.kernel import tls
from andon.kernel.errors import AndonError, Forbidden, InvalidInput, NotFound, Unavailable
from andon.kernel.ids import Sha256
from andon.releases.storage.protocol import PIECE_BYTES, Stored, checked, checked_path

_MISSING = {"NoSuchKey", "NoSuchObject"}
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
_FULL = {"XMinioStorageFull", "QuotaExceeded", "EntityTooLarge"}
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)  # seconds; of one answer, not of a whole file
_AGAIN = urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the bucket is, and as whom it is asked. prefix: a folder within it, empty for all of it."""

    endpoint: str
    bucket: str
    access_key: str = ""
    secret_key: str = ""
    prefix: str = ""
    region: str = "us-east-1"
    ca: Path | None = None

    def __repr__(self) -> str:  # a secret never gets into a log by accident
        return f"Bucket({self.endpoint}/{self.bucket}/{self.prefix})"


class S3:
    """Files as objects of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        """Asks nothing yet.

        Raises:
            InvalidInput: the endpoint is no address, or the bucket's name cannot be one.
        """
        self._bucket = bucket.bucket
        self._prefix = f"{bucket.prefix.strip('/')}/" if bucket.prefix.strip("/") else ""
        at = urlsplit(bucket.endpoint)
        self._name = f"{bucket.endpoint.rstrip('/')}/{bucket.bucket}/{self._prefix}".rstrip("/")
        if at.scheme not in {"http", "https"} or not at.netloc or at.path.strip("/"):
            raise InvalidInput(
                "bad-endpoint",
                f"{bucket.endpoint!r} is not the address of an object store",
                hint="ANDON_REGISTRY__ENDPOINT=https://minio.plant:9000",
            )
        try:
            self._client = Minio(
                at.netloc,
                access_key=bucket.access_key or None,
                secret_key=bucket.secret_key or None,
                secure=at.scheme == "https",
                region=bucket.region,
                http_client=_pool(bucket.ca),
            )
        except ValueError as error:
            raise InvalidInput("bad-endpoint", f"{self._name}: {error}") from error

    @property
    def name(self) -> str:
        """See `Readable`."""
        return self._name

    def size(self, path: str) -> int | None:
        """See `Readable`."""
        try:
            with self._translated(path):
                return int(self._client.stat_object(self._bucket, self._key(path)).size or 0)
        except NotFound:
            return None

    def pieces(self, path: str, *, offset: int = 0) -> Iterator[bytes]:
        """See `Readable`."""
        with self._translated(path):
            if offset and offset >= (self._client.stat_object(self._bucket, self._key(path)).size or 0):
                return
            answer = self._client.get_object(self._bucket, self._key(path), offset=offset)
            try:
                while piece := answer.read(PIECE_BYTES):
                    yield piece
            finally:
                answer.close()
                answer.release_conn()

    def write(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        with self._translated(path):
            self._client.put_object(self._bucket, self._key(path), io.BytesIO(content), len(content))

    def put(self, path: str, pieces: Iterable[bytes], *, size_bytes: int, sha256: Sha256) -> None:
        """See `Storage`. The last part is not sent before the whole is known to be right."""
        stream = _Stream(checked(pieces, path, size_bytes=size_bytes, sha256=sha256))
        if size_bytes == 0:  # it would be sent without a look at the stream
            stream.read(1)
        with self._translated(path):
            self._client.put_object(
                self._bucket, self._key(path), cast("BinaryIO", stream), size_bytes, num_parallel_uploads=1
            )

    def remove(self, path: str) -> None:
        """See `Storage`."""
        with self._translated(path):
            self._client.remove_object(self._bucket, self._key(path))

    def list(self, prefix: str) -> Iterator[Stored]:
        """See `Storage`. Parts of an upload that was cut are left to the bucket's lifecycle rules."""
        with self._translated(prefix):
            for each in self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True):
                path = str(each.object_name).removeprefix(self._prefix)
                if each.last_modified is not None and not each.is_dir:
                    yield Stored(path, int(each.size or 0), each.last_modified)

    def free_bytes(self) -> int | None:
        """See `Storage`; S3 does not say."""
        return None

    def _key(self, path: str) -> str:
        return self._prefix + checked_path(path)

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except AndonError:
            raise
        except S3Error as error:
            raise self._refusal(error, path) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = _reason(error)
            raise Unavailable(
                "store-away",
                f"the artifact store {self._name} does not answer: {reason}",
                hint="see that it runs and that ANDON_REGISTRY__ENDPOINT is its address",
            ) from error

    def _refusal(self, error: S3Error, path: str) -> AndonError:
        code, said = str(error.code), str(error.message)
        if code in _MISSING:
            return NotFound("file-missing", f"there is no {path} in {self._name}")
        if code in _REFUSED:
            return Forbidden(
                "store-refused",
                f"the artifact store {self._name} refuses us: {said} ({code})",
                hint="ANDON_REGISTRY__ACCESS_KEY, ANDON_REGISTRY__SECRET_KEY_FILE, and the bucket's policy",
            )
        if code == "NoSuchBucket":
            return Unavailable(
                "store-bucket-missing",
                f"there is no bucket {self._bucket} in {self._name}",
                hint="make it, or name another: ANDON_REGISTRY__BUCKET",
            )
        if code in _FULL:
            return Unavailable("store-full", f"there is no room for {path} in {self._name}: {said}")
        return Unavailable("store-away", f"the artifact store {self._name} failed: {said} ({code})")


class _Stream:
    """Pieces as a stream that is read from the beginning to the end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, count: int = -1) -> bytes:
        while count < 0 or len(self._rest) < count:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        taken = self._rest if count < 0 else self._rest[:count]
        self._rest = self._rest[len(taken) :]
        return taken


def _pool(ca: Path | None) -> urllib3.PoolManager:
    options: dict[str, Any] = {} if ca is None else {"ssl_context": tls.client_context(ca)}
    return urllib3.PoolManager(timeout=_TIMEOUT, retries=_AGAIN, maxsize=4, **options)


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or error
    return str(inner).rpartition("object at")[2].partition(": ")[2] or str(inner)
