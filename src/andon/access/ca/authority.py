"""The authority's folder: make or import an authority, issue, renew, look.

    ca.crt          the authority's certificate, and what leads from it to the root (0644)
    ca.key          its key (0600); missing where another machine, or the plant, issues
    trust.crt       what clients need to verify this server; only ever grows until a root expires (0644)
    server.pem      the server's certificate, chain and key in one file (0600)
    clients/*.pem   the same for each client (0600)

Certificate and key of a server are one file, replaced in one step, so that no crash leaves a key beside a
foreign certificate. `ca.crt` is written after its key and never replaced: with it the authority exists.
What is not here: serving with these files (`kernel/tls.py`), and revocation - lives are short instead.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from andon.access.ca import certificates, reading
from andon.access.ca.certificates import Issuer, PrivateKey
from andon.access.ca.model import Certificate, Overview
from andon.kernel import files, locking
from andon.kernel.clock import Clock
from andon.kernel.errors import Conflict, Damaged, InvalidInput, NotFound

DAYS = 90
_LONGEST_DAYS = 825  # beyond that some clients refuse, also where the root is the plant's own
_PRIVATE = 0o600
_IMPORT_HINT = "to change the authority, move its folder aside first: docs/operations/tls.md"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an authority keeps its files."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The authority's own, and what leads to the root."""
        return self.folder / "ca.crt"

    @property
    def key(self) -> Path:
        """Its private key."""
        return self.folder / "ca.key"

    @property
    def trust(self) -> Path:
        """What clients need to verify the server."""
        return self.folder / "trust.crt"

    @property
    def server(self) -> Path:
        """The server's certificate, chain and key."""
        return self.folder / "server.pem"

    def client(self, name: str) -> Path:
        """The same for the client `name`, which was checked."""
        return self.folder / "clients" / f"{name}.pem"


@dataclass(frozen=True, slots=True)
class Brought:
    """Files that somebody brings: a certificate, its key, and the chain up to the root.

    The chain may also stand behind the certificate in its file, wholly or in part.
    """

    certificate: Path
    key: Path
    chain: Path | None = None


def create_authority(
    folder: Path, clock: Clock, name: str = "Andon CA", *, permitted: Sequence[str] = ()
) -> Certificate:
    """Make a root of our own: P-256, 10 years, able to issue servers' and clients' certificates.

    permitted: domains and networks that its certificates are limited to; empty: no limit.

    Raises:
        Conflict: there is an authority already; it is never overwritten.
        InvalidInput: the name, a domain or a network is none.
    """
    layout = Layout(folder)
    with _alone(layout):
        _refuse_second(layout)
        key = certificates.new_key()
        made = certificates.authority(name, key, clock.now(), permitted)
        _keep_authority(layout, Issuer(made, key), clock.now())
    return certificates.look(made)


def import_authority(folder: Path, clock: Clock, brought: Brought) -> Certificate:
    """Issue from the plant's own authority: its certificate, key and chain, checked before they are kept.

    Raises:
        Conflict: there is an authority already.
        InvalidInput: a file is unreadable, they do not belong together, or a part is out of its life.
        Untrusted: a signature of the chain does not hold.
    """
    layout = Layout(folder)
    with _alone(layout):
        _refuse_second(layout)
        issuer = _checked(brought, clock.now())
        if not certificates.is_authority(issuer.certificate):
            raise InvalidInput(
                "not-an-authority",
                f"the certificate in {brought.certificate} may not sign others",
                hint="for a server's certificate: andon ca import --server",
            )
        _keep_authority(layout, issuer, clock.now())
    return certificates.look(issuer.certificate)


def import_server(folder: Path, clock: Clock, brought: Brought) -> Certificate:
    """Serve with a certificate that the plant issued. It is not renewed by us; `problem` warns in time.

    Raises:
        InvalidInput: a file is unreadable, they do not belong together, a part is out of its life, or it
            is not for servers.
        Untrusted: a signature of the chain does not hold.
    """
    layout = Layout(folder)
    with _alone(layout):
        given = _checked(brought, clock.now())
        if not certificates.may_serve(given.certificate) or not certificates.look(given.certificate).names:
            raise InvalidInput(
                "not-for-servers",
                f"the certificate in {brought.certificate} is not one for a server with names",
                hint="ask for one with extended key usage serverAuth and subject alternative names",
            )
        _trust(layout, given.above or (given.certificate,), clock.now())
        _keep_pair(layout.server, (given.certificate, *given.above[:-1]), given.key)
    return certificates.look(given.certificate)


def issue_server(folder: Path, clock: Clock, names: Sequence[str], *, days: int = DAYS) -> Certificate:
    """A new key and certificate for this server, in `server.pem`; a running server takes it up by itself.

    names: DNS names and addresses under which it is reached.

    Raises:
        InvalidInput: a name is none, or `days` is not 1 to 825.
        NotFound: there is no authority here that can issue.
        Conflict: the authority's own life is over.
    """
    layout = Layout(folder)
    with _alone(layout):
        return _issue_server(layout, names, clock.now(), _life(days))


def issue_client(folder: Path, clock: Clock, name: str, *, days: int = DAYS) -> Certificate:
    """A new key and certificate for the client `name`, in `clients/<name>.pem`.

    Raises what `issue_server` raises.
    """
    layout = Layout(folder)
    certificates.client_name(name)
    with _alone(layout):
        issuer, key = _issuer(layout), certificates.new_key()
        made = certificates.client(issuer, key, name, clock.now(), _life(days))
        target = layout.client(name)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        files.sync_folder(layout.folder)
        _keep_pair(target, (made, *_middle(issuer)), key)
    return certificates.look(made)


def renew(folder: Path, clock: Clock) -> Certificate | None:
    """Issue the server's certificate again when less than a third of its life is left.

    It keeps its names and the length of its life, and gets a new key. None: nothing was to do, or the
    certificate is not ours to renew (the plant's, or there is none).

    Raises:
        Damaged: a file of the folder is not what we wrote.
        Conflict: the authority's own life is over.
    """
    layout = Layout(folder)
    if not _is_ours_and_due(layout, clock.now()):
        return None
    with _alone(layout):
        if not _is_ours_and_due(layout, clock.now()):  # another process was faster
            return None
        now = certificates.look(_server(layout))
        life = now.expires_at - now.valid_from - certificates.EARLIER
        return _issue_server(layout, now.names, clock.now(), life)


def describe(folder: Path) -> Overview:
    """What is in the folder.

    Raises:
        Damaged: a file there is not a certificate.
    """
    layout = Layout(folder)
    clients = sorted((folder / "clients").glob("*.pem"))
    return Overview(
        authority=certificates.look(_ours(layout.certificate)[0]) if layout.certificate.exists() else None,
        can_issue=layout.certificate.exists() and layout.key.exists(),
        server=certificates.look(_server(layout)) if layout.server.exists() else None,
        clients=tuple(certificates.look(_ours(each)[0]) for each in clients),
    )


def _issue_server(layout: Layout, names: Sequence[str], now: datetime, life: timedelta) -> Certificate:
    issuer, key = _issuer(layout), certificates.new_key()
    made = certificates.server(issuer, key, names, now, life)
    _trust(layout, issuer.above or (issuer.certificate,), now)
    _keep_pair(layout.server, (made, *_middle(issuer)), key)
    return certificates.look(made)


def _is_ours_and_due(layout: Layout, now: datetime) -> bool:
    if not (layout.server.exists() and layout.key.exists() and layout.certificate.exists()):
        return False
    certificate = _server(layout)
    is_ours = reading.is_signed_by(certificate, _ours(layout.certificate)[0])
    return is_ours and certificates.look(certificate).is_due(now)


def _checked(brought: Brought, now: datetime) -> Issuer:
    """What was brought, when key, chain and lives are right."""
    first, *others = reading.certificates(brought.certificate)
    key = reading.private_key(brought.key)
    reading.check_pair(first, key)
    if brought.chain is not None:
        others += reading.certificates(brought.chain)
    return Issuer(first, key, reading.chain(first, others, now))


def _issuer(layout: Layout) -> Issuer:
    if not layout.certificate.exists():
        raise NotFound("no-authority", f"there is no authority in {layout.folder}", hint="andon ca init")
    if not layout.key.exists():
        raise NotFound(
            "no-authority-key",
            f"the authority's key {layout.key} is not on this machine",
            hint="issue where it is kept, or bring it here",
        )
    first, *above = _ours(layout.certificate)
    key = reading.own_key(layout.key)
    try:
        reading.check_pair(first, key)
    except InvalidInput as error:
        raise Damaged(error.code, error.message, hint=f"put back {layout.folder} from a backup") from error
    return Issuer(first, key, tuple(above))


def _middle(issuer: Issuer) -> tuple[x509.Certificate, ...]:
    """What a server sends behind its own certificate: all on the way but the root, which the client has."""
    return (issuer.certificate, *issuer.above[:-1]) if issuer.above else ()


def _server(layout: Layout) -> x509.Certificate:
    return _ours(layout.server)[0]


def _ours(path: Path) -> list[x509.Certificate]:
    try:
        return reading.certificates(path)
    except InvalidInput as error:
        raise Damaged(error.code, error.message, hint="put it back from a backup") from error


def _keep_authority(layout: Layout, issuer: Issuer, now: datetime) -> None:
    _trust(layout, issuer.above or (issuer.certificate,), now)
    files.write(layout.key, _pem(issuer.key), mode=_PRIVATE)
    files.write(layout.certificate, _pems((issuer.certificate, *issuer.above)))


def _keep_pair(path: Path, way: Sequence[x509.Certificate], key: PrivateKey) -> None:
    files.write(path, _pems(way) + _pem(key), mode=_PRIVATE)


def _trust(layout: Layout, roots: Sequence[x509.Certificate], now: datetime) -> None:
    """Add the last of `roots` to what clients trust, before anything is signed under it."""
    known = _ours(layout.trust) if layout.trust.exists() else []
    wanted = [each for each in dict.fromkeys([*known, roots[-1]]) if each.not_valid_after_utc > now]
    if wanted != known:
        files.write(layout.trust, _pems(wanted))


def _refuse_second(layout: Layout) -> None:
    if layout.certificate.exists():
        raise Conflict("already-an-authority", f"{layout.folder} already has an authority", hint=_IMPORT_HINT)


def _life(days: int) -> timedelta:
    if not 1 <= days <= _LONGEST_DAYS:
        raise InvalidInput(
            "bad-days", f"a certificate cannot live {days} days", hint=f"choose 1 to {_LONGEST_DAYS}"
        )
    return timedelta(days=days)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.sync_folder(layout.folder.parent)
    with locking.exclusive(layout.folder / ".lock"):
        yield


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _pems(found: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in found)
