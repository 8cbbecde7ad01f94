"""TLS contexts: for clients, and a server's, whose certificate changes while it serves.

What is not here: making certificates (`access/ca`).
"""

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from andon.kernel import logging
from andon.kernel.clock import Clock
from andon.kernel.errors import AndonError, Forbidden, InvalidInput

# For clients of plain HTTP on this machine. Without it, each new client reads all the certificates of the
# system, which takes 30 ms of a processor. It trusts nobody, so it can never let a wrong server through.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

WARN_BEFORE = timedelta(days=14)
# For TLS 1.2; those of 1.3 are all good. Forward secrecy and authenticated encryption only (RFC 9325, 4.2).
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_HINT = "andon ca show, andon ca issue; docs/operations/tls.md"
_log = logging.get(__name__)


def client_context(trust_file: Path) -> ssl.SSLContext:
    """For clients of our own server: verifies chain and name by the roots in `trust_file`, and nobody else's.

    Raises:
        InvalidInput: the file cannot be read, or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _trust(context, trust_file)
    return context


def server_context(
    cert_file: Path, key_file: Path | None = None, *, client_ca: Path | None = None
) -> ssl.SSLContext:
    """For a server: TLS 1.2 and later, forward secrecy, no compression, no renegotiation.

    key_file: None where the key stands in `cert_file`. client_ca: with it, only clients that show a
    certificate signed under it get through.

    Raises:
        InvalidInput: a file cannot be read, or key and certificate do not belong together.
        Forbidden: others may read the key.
    """
    return _context(_read(cert_file, key_file), client_ca)


def read_pair(cert_file: Path, key_file: Path | None = None) -> "Pair":
    """Certificate chain and key for another server than our own, seen to work together.

    Raises what `server_context` raises.
    """
    pair = _read(cert_file, key_file)
    _context(pair, None)
    return pair


class Reloading:
    """A server context that takes up new files while connections go on.

    Give `context` to the server once, and call `tick` in the server's own loop. Each handshake that begins
    after a tick gets the new certificate; open connections keep the one they have. The context behind is
    exchanged as a whole at the start of a handshake, because loading into one that is in use would break
    it halfway where the files do not match, and would keep an old key of another kind beside the new.
    """

    def __init__(
        self, cert_file: Path, key_file: Path | None = None, *, clock: Clock, client_ca: Path | None = None
    ) -> None:
        """Raises what `server_context` raises: a server does not start with files that do not work."""
        self._files = (cert_file, key_file)
        self._client_ca = client_ca
        self._clock = clock
        self._seen = self._stamps()
        self._pair = _read(cert_file, key_file)
        self._trusted = self._digest_of_trusted()
        self._now = _context(self._pair, client_ca)
        self._error: AndonError | None = None
        self.context = _context(self._pair, client_ca)
        self.context.sni_callback = self._choose

    @property
    def expires_at(self) -> datetime:
        """When the certificate in use ends."""
        return self._pair.expires_at

    def problem(self) -> str:
        """What an operator must know, in one sentence; empty when all is well."""
        if self._error is not None:
            return f"the new certificate is not used: {self._error.message}"
        left = self.expires_at - self._clock.now()
        if left <= timedelta():
            return f"the server's certificate expired on {self.expires_at:%Y-%m-%d %H:%M} UTC"
        if left < WARN_BEFORE:
            return f"the server's certificate expires on {self.expires_at:%Y-%m-%d}, in {left.days} days"
        return ""

    async def tick(self) -> None:
        """Look at the files; where their content changed and is sound, use it from the next handshake on.

        Raises:
            InvalidInput, Forbidden: the new files do not work. The old ones stay in use, and each tick
                says so again until the files are right.
        """
        stamps = self._stamps()
        if stamps == self._seen and self._error is None:
            return
        try:
            self._take_up()
        except AndonError as error:
            self._error = error
            raise
        self._error = None
        self._seen = stamps

    def _take_up(self) -> None:
        pair = _read(*self._files)
        trusted = self._digest_of_trusted()
        if (pair.digest, trusted) == (self._pair.digest, self._trusted):
            return
        if not pair.valid_from <= self._clock.now() < pair.expires_at:
            raise InvalidInput(
                "certificate-out-of-life",
                f"{self._files[0]} is valid from {pair.valid_from:%Y-%m-%d} to {pair.expires_at:%Y-%m-%d}",
                hint=_HINT,
            )
        self._now = _context(pair, self._client_ca)
        self._pair, self._trusted = pair, trusted
        _log.info("certificate taken up", file=str(self._files[0]), expires_at=pair.expires_at.isoformat())

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext
    ) -> None:
        connection.context = self._now

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        """Tells that a file may have changed, at the price of a stat."""
        watched = [each for each in (*self._files, self._client_ca) if each is not None]
        return tuple(_stamp(each) for each in watched)

    def _digest_of_trusted(self) -> str:
        return "" if self._client_ca is None else hashlib.sha256(_bytes(self._client_ca)).hexdigest()


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """Certificate chain and key as they were read once: what is checked is what is used.

    content: PEM; `digest` is its SHA-256.
    """

    content: bytes
    digest: str
    valid_from: datetime
    expires_at: datetime
    source: Path


def _read(cert_file: Path, key_file: Path | None) -> Pair:
    private = key_file or cert_file
    if private.exists() and private.stat().st_mode & 0o077:
        raise Forbidden(
            "key-readable-by-others", f"others may read the key {private}", hint=f"chmod 600 {private}"
        )
    content = _bytes(cert_file)
    if key_file is not None and key_file != cert_file:
        content += b"\n" + _bytes(key_file)
    return Pair(content, hashlib.sha256(content).hexdigest(), *_life(content, cert_file), cert_file)


def _life(content: bytes, source: Path) -> tuple[datetime, datetime]:
    from cryptography import x509  # heavy, and only servers need it

    try:
        leaf = x509.load_pem_x509_certificates(content)[0]
    except ValueError as error:
        raise InvalidInput(
            "bad-certificate", f"{source} holds no readable certificate", hint=_HINT
        ) from error
    return leaf.not_valid_before_utc, leaf.not_valid_after_utc


def _context(pair: Pair, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    with _in_memory(pair.content) as path:
        try:
            # A passphrase is never asked for: a server that waits at a terminal does not serve.
            context.load_cert_chain(path, password=_refuse_passphrase)
        except ssl.SSLError as error:
            raise InvalidInput(
                "bad-certificate-pair",
                f"certificate and key of {pair.source} do not work together: {error.reason or error}",
                hint=_HINT,
            ) from error
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, client_ca)
    return context


def _trust(context: ssl.SSLContext, trust_file: Path) -> None:
    try:
        context.load_verify_locations(cadata=_bytes(trust_file).decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInput(
            "bad-certificate", f"{trust_file} holds no readable certificate", hint=_HINT
        ) from error


def _refuse_passphrase() -> str:
    raise InvalidInput(
        "encrypted-key",
        "the server's key is protected by a passphrase",
        hint="openssl pkey -in KEY -out PLAIN",
    )


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path to `content` that is on no disk: OpenSSL reads chains and keys from paths only."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput("unreadable-file", f"cannot read {path}: {error.strerror}", hint=_HINT) from error
