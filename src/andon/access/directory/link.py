"""One verified, bound connection to one server. The only file that knows ldap3; every call here blocks.

An error says in its message what is wrong, for the log and the doctor; it never holds a password.
"""

import contextlib
import math
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import ldap3
from ldap3.core.exceptions import (
    LDAPCommunicationError,
    LDAPException,
    LDAPInvalidFilterError,
    LDAPStartTLSError,
)
from ldap3.utils.conv import escape_bytes, escape_filter_chars

from andon.access.directory.model import DirectorySettings, ServerAddress
from andon.kernel.errors import Damaged, Unavailable

_AD_CAPABILITY = "1.2.840.113556.1.4.800"  # LDAP_CAP_ACTIVE_DIRECTORY_OID
# Asks Active Directory not to answer with references to its own other partitions, in which nobody signs in
# (MS-ADTS 3.1.1.3.4.1.7). Other servers must not get it: their references say that people live elsewhere.
_DOMAIN_SCOPE = ("1.2.840.113556.1.4.1339", False, None)
_SUCCESS, _PROTOCOL_ERROR, _SIZE_LIMIT, _REFERRAL, _NO_SUCH_OBJECT, _NO_ACCESS = 0, 2, 4, 10, 32, 50
_BUSY = frozenset({3, 51, 52, 80})  # time limit, busy, unavailable, other
_REFUSED = frozenset({48, 49})  # inappropriate authentication (no password there), invalid credentials
# What a server that does not speak LDAP makes of ldap3's decoder.
_GARBAGE = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: attribute names in lower case, values as the server sent them."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def texts(self, name: str) -> list[str]:
        """The values of an attribute as text; none where it has none or they cannot be read."""
        return [each.decode("utf-8", "replace") for each in self.attributes.get(name.lower(), ())]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave. is_cut: there are more than were asked for."""

    entries: list[Entry]
    is_cut: bool


class Refused(Exception):
    """The server did not take this name with this password. `diagnostic` is the server's own text."""

    def __init__(self, diagnostic: str) -> None:
        super().__init__("refused")
        self.diagnostic = diagnostic


class Link:
    """A connection that is encrypted, whose server is the one that was meant, and that is bound."""

    def __init__(self, address: ServerAddress, settings: DirectorySettings, dn: str, password: str) -> None:
        """Nothing is sent yet: `with` opens and binds, and always unbinds.

        Raises:
            Refused: by `with`, the name and the password do not fit.
            Unavailable, Damaged: by `with`, as everywhere here.
        """
        self.address = address
        self._settings = settings
        self._other: Link | None = None
        self._is_active_directory: bool | None = None
        self._tls = _Verified(settings.ca_file)
        server = ldap3.Server(
            address.host,
            port=address.port,
            use_ssl=address.is_tls,
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=settings.connect_timeout.total_seconds(),
        )
        self._connection = ldap3.Connection(
            server,
            user=dn,
            password=password.encode(),  # bytes are sent as they are; text would be rewritten
            authentication=ldap3.SIMPLE,
            auto_referrals=False,
            auto_escape=False,  # what comes from outside is escaped where a filter is made
            check_names=False,
            receive_timeout=math.ceil(settings.timeout.total_seconds()),  # ldap3 takes whole seconds only
        )

    def __enter__(self) -> Self:
        try:
            self._open()
            self._bind()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye and let go of the socket, whatever state it is in."""
        held = self._connection.socket
        with contextlib.suppress(LDAPException, OSError, *_GARBAGE):
            self._connection.unbind()
        if held is not None:
            held.close()

    def other(self, dn: str, password: str) -> "Link":
        """One more connection to the same server, for somebody else."""
        self._other = Link(self.address, self._settings, dn, password)
        return self._other

    def cut(self) -> None:
        """End a call that waits, from another thread, here and on the other one: it fails at once."""
        if self._other is not None:
            self._other.cut()
        held = self._connection.socket
        if held is not None:
            with contextlib.suppress(OSError):
                # A TLS socket's own shutdown would wait for the thread that reads.
                socket.socket.shutdown(held, socket.SHUT_RDWR)

    def whoami(self) -> str:
        """Whom the server takes us for: an authorization identity, or `refused` with its reason.

        Raises:
            Damaged: it takes us for nobody. RFC 4532: an empty answer is an anonymous connection.
        """
        identity = self._call(self._connection.extend.standard.who_am_i)
        code = self._code()
        if code == _SUCCESS and not identity:
            raise self._damaged("took a bind with a name and a password for an anonymous one", "See its log.")
        if code == _NO_ACCESS:
            raise Refused(
                f", data 773, {self._text()}"
            )  # the policy lets it do nothing but change its password
        return str(identity or "")

    def search(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        limit: int,
        is_base_only: bool = False,
    ) -> Found:
        """At most `limit` entries.

        Raises:
            Unavailable: no answer, or the server is busy.
            Damaged: the base is not there, may not be read or lies elsewhere; the filter is none.
        """
        controls = [_DOMAIN_SCOPE] if self.is_active_directory() else None
        self._search(base, filter_, attributes, limit=limit, is_base_only=is_base_only, controls=controls)
        code = self._code()
        if code not in {_SUCCESS, _SIZE_LIMIT}:
            raise self._search_error(code, base)
        response = self._connection.response or []
        elsewhere = [each for each in response if each["type"] == "searchResRef"]
        if elsewhere:
            raise self._elsewhere(base, str(elsewhere[0].get("uri")))
        entries = [_entry(each) for each in response if each["type"] == "searchResEntry"]
        return Found(entries[:limit], is_cut=code == _SIZE_LIMIT or len(entries) > limit)

    def is_active_directory(self) -> bool:
        """What the server says of itself; asked once."""
        if self._is_active_directory is None:
            name = "supportedCapabilities"
            self._search("", "(objectClass=*)", [name], limit=1, is_base_only=True, controls=None)
            roots = [_entry(each) for each in self._connection.response or [] if "raw_attributes" in each]
            self._is_active_directory = any(_AD_CAPABILITY in each.texts(name) for each in roots)
        return self._is_active_directory

    def _search(
        self,
        base: str,
        filter_: str,
        attributes: Sequence[str],
        *,
        limit: int,
        is_base_only: bool,
        controls: Sequence[object] | None,
    ) -> None:
        self._call(
            self._connection.search,
            base,
            filter_,
            search_scope=ldap3.BASE if is_base_only else ldap3.SUBTREE,
            dereference_aliases=ldap3.DEREF_NEVER,
            attributes=list(attributes) or [ldap3.NO_ATTRIBUTES],
            size_limit=limit,
            time_limit=math.ceil(self._settings.timeout.total_seconds()),
            controls=controls,
        )

    def _open(self) -> None:
        try:
            self._call(self._connection.open, read_server_info=False)
            if not self.address.is_tls and self._settings.start_tls:
                self._start_tls()
        except Unavailable as error:
            raise self._tls_error() or error from error
        # Belt and braces: whatever the library did, no password leaves on a plain connection by mistake.
        is_plain = not isinstance(self._connection.socket, ssl.SSLSocket)
        if is_plain and not (self._settings.allow_plain and self.address.is_loopback):
            raise self._damaged("is not encrypted", "Use ldaps:// or start_tls.")

    def _start_tls(self) -> None:
        try:
            is_started = self._call(self._connection.start_tls, read_server_info=False)
        except LDAPStartTLSError:
            is_started = False
        if self._tls.problem is not None:
            problem = self._unavailable(f"did not finish the TLS handshake: {self._tls.problem}")
            raise self._tls_error() or problem
        if not is_started:
            raise self._damaged(
                "does not offer StartTLS, or somebody on the way takes it out; nothing was sent to it",
                "Give the server a certificate, or use ldaps://.",
            )

    def _tls_error(self) -> Damaged | None:
        """What the handshake failed of, where that is not the network."""
        problem = self._tls.problem
        if isinstance(problem, ssl.SSLCertVerificationError):
            return self._damaged(
                f"has a certificate that is not trusted: {problem.verify_message}",
                "Compare ca_file, the certificate's dates, and the host name in `servers` with its names.",
            )
        if isinstance(problem, FileNotFoundError | PermissionError | IsADirectoryError):
            return self._damaged(
                f"cannot be verified: ca_file {self._settings.ca_file} cannot be read",
                "Give the PEM file of the authority that signed the server's certificate.",
            )
        # An end of file is a server that went away in between: the network's matter.
        if isinstance(problem, ssl.SSLError) and not isinstance(problem, ssl.SSLEOFError):
            return self._damaged(
                f"does not speak TLS 1.2 or newer as asked: {problem.reason or problem}",
                "Compare the port and ldap:// or ldaps:// in `servers`; ca_file must be PEM.",
            )
        return None

    def _bind(self) -> None:
        self._call(self._connection.bind, read_server_info=False)
        code = self._code()
        if code == _SUCCESS:
            return
        if code in _REFUSED:
            raise Refused(self._text())
        if code in _BUSY:
            raise self._unavailable(f"answered a bind with: {self._said()}")
        if code == _REFERRAL:
            raise self._damaged("sent us to another server for the password", "Name that one in `servers`.")
        raise self._damaged(f"answered a bind with: {self._said()}", "Check the bind DN and encryption.")

    def _search_error(self, code: int, base: str) -> Unavailable | Damaged:
        if code in _BUSY:
            return self._unavailable(f"answered a search with: {self._said()}")
        if code == _REFERRAL:
            return self._elsewhere(base, ", ".join(self._connection.result.get("referrals") or []))
        if code == _NO_SUCH_OBJECT:
            return self._damaged(
                f"has no entry {base!r}, or the bind DN may not see it",
                "Check base_dn and group_base_dn, and the rights of the bind DN.",
            )
        return self._damaged(
            f"answered a search under {base!r} with: {self._said()}",
            "Check the filters, and the rights of the bind DN.",
        )

    def _elsewhere(self, base: str, where: str) -> Damaged:
        return self._damaged(
            f"refers to {where} for a part of {base!r}; referrals are not followed",
            "Name the server that holds it in `servers`, or a base_dn that this one holds whole.",
        )

    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except LDAPStartTLSError:
            raise
        except LDAPInvalidFilterError as error:
            raise self._damaged("was not asked: a filter in the settings is none", "Check them.") from error
        except (LDAPCommunicationError, OSError) as error:
            raise self._unavailable(f"did not answer: {error}") from error
        except LDAPException as error:
            raise self._damaged(f"cannot be asked: {type(error).__name__}: {error}", "") from error
        except _GARBAGE as error:
            raise self._unavailable(f"answered what is not LDAP ({type(error).__name__})") from error

    def _code(self) -> int:
        result = self._connection.result
        return int(result["result"]) if isinstance(result, dict) else _PROTOCOL_ERROR

    def _text(self) -> str:
        return str(self._connection.result.get("message") or "")

    def _said(self) -> str:
        result = self._connection.result or {}
        return f"{result.get('description')} ({result.get('result')}) {result.get('message') or ''}".strip()

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable("directory-unavailable", f"the directory server {self.address} {what}")

    def _damaged(self, what: str, hint: str) -> Damaged:
        return Damaged("directory-misconfigured", f"the directory server {self.address} {what}", hint=hint)


class _Verified(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """TLS as Python's own library verifies it, names and addresses included, in place of ldap3's."""

    def __init__(self, ca_file: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._ca_file = ca_file
        self.problem: Exception | None = None  # ldap3 wraps errors until nothing can be told from them

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002
        """Take the place of the connection's socket, or note why not."""
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            # Small writes in a row would wait for delayed acknowledgements: 100 ms a sign-in in place of 10.
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.socket = context.wrap_socket(connection.socket, server_hostname=connection.server.host)
        except (OSError, ValueError) as error:
            self.problem = error
            raise


def escaped(text: str) -> str:
    """`text` as a value within a filter (RFC 4515)."""
    return str(escape_filter_chars(text))


def escaped_bytes(value: bytes) -> str:
    """`value` as a value within a filter (RFC 4515)."""
    return str(escape_bytes(value))


def _entry(response: Mapping[str, Any]) -> Entry:
    raw = response.get("raw_attributes") or {}
    return Entry(str(response["dn"]), {name.lower(): list(raw[name] or ()) for name in raw})
