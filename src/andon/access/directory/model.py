"""What Andon knows of the plant's directory: settings and people. How it is asked stands in `ldap.py`."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from andon.kernel.errors import InvalidInput

_PORTS = {"ldap": 389, "ldaps": 636}
_URL = re.compile(
    r"(?P<scheme>ldaps?)://(\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(:(?P<port>[1-9]\d{0,4}))?/?"
)
_LOOPBACK = re.compile(r"localhost|::1|127(\.\d{1,3}){3}")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
LONGEST_LOGIN, LONGEST_PASSWORD = 256, 1024


@dataclass(frozen=True, slots=True)
class GroupRole:
    """Who is in this group has this role on this scope. group: a DN, or the group's own name (`cn`)."""

    group: str
    role: str
    environment: str = "*"
    unit: str = "*"
    line: str = "*"


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """A person as the directory has them now.

    id: entryUUID or objectGUID as `8-4-4-4-12` in lower case; it stays when the person is renamed or moved.
    login: as the directory spells it, whatever was typed. groups: DNs as `groups.normal_dn` writes them.
    """

    id: str
    login: str
    display_name: str
    groups: frozenset[str]
    is_disabled: bool


class Directory(Protocol):
    """Somebody else's list of people. Every answer that is not a clear yes is an error: it fails closed."""

    async def authenticate(self, login: str, password: str) -> DirectoryPerson:
        """The person with this login, once the directory took the password.

        Raises:
            Forbidden: `bad-credentials`, which never says what of the two is wrong; `account-disabled`.
            Unavailable: `directory-unavailable`, no server gave an answer in time.
            Damaged: `directory-misconfigured`, plant IT has to act. The message is for the person who signs
                in; what is wrong stands in the log, and `probe` says it.
        """
        ...

    async def find(self, directory_id: str) -> DirectoryPerson | None:
        """The person as the directory has them now; None: gone, or no longer matched by the user filter.

        Raises:
            Unavailable, Damaged: as above.
        """
        ...

    async def probe(self) -> None:
        """Ask every server what a sign-in would ask, without a person.

        Raises:
            Unavailable, Damaged: as above, with what is wrong of which server.
        """
        ...


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where one server listens. is_tls: from the first byte (LDAPS)."""

    host: str
    port: int
    is_tls: bool

    @property
    def is_loopback(self) -> bool:
        """Whether its traffic stays on this machine."""
        return _LOOPBACK.fullmatch(self.host) is not None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.is_tls else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """How the directory is reached and read; what each field means stands in docs/operations/ldap.md.

    Raises:
        InvalidInput: `directory-settings`, where a field cannot be right.
    """

    servers: tuple[str, ...]
    bind_dn: str
    base_dn: str
    name: str = "directory"
    start_tls: bool = True
    allow_plain: bool = False
    ca_file: str = ""
    user_filter: str = "(&(objectClass=person)(uid={login}))"
    login_attribute: str = "uid"
    id_attribute: str = "entryUUID"
    display_name_attribute: str = "cn"
    disabled_filter: str = ""
    group_base_dn: str = ""
    group_filter: str = "(|(member={dn})(uniqueMember={dn}))"
    member_of_attribute: str = ""
    nested_depth: int = 10
    group_roles: tuple[GroupRole, ...] = ()
    connect_timeout: timedelta = timedelta(seconds=3)
    timeout: timedelta = timedelta(seconds=5)
    total_timeout: timedelta = timedelta(seconds=20)
    retry_dead_after: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        """Refuse what cannot be right."""
        for address in self.addresses():
            if not (address.is_tls or self.start_tls or (self.allow_plain and address.is_loopback)):
                raise _wrong(
                    f"servers has {address} with start_tls off: its passwords could be read on the way",
                    "use ldaps://, or start_tls; allow_plain is for a server on this machine only",
                )
        self._check_text()
        for name in ("connect_timeout", "timeout", "total_timeout"):
            if getattr(self, name) <= timedelta():
                raise _wrong(f"{name} must be more than zero", "give it in seconds, such as 5")
        if not 0 <= self.nested_depth <= 50:
            raise _wrong(f"nested_depth is {self.nested_depth}", "give 0 (direct groups only) to 50")

    def addresses(self) -> Sequence[ServerAddress]:
        """The servers in the order in which they are tried."""
        if not self.servers:
            raise _wrong("servers is empty", "give at least one, such as ldaps://dc1.plant.example")
        return [parse_server(each) for each in self.servers]

    def _check_text(self) -> None:
        for name in ("bind_dn", "base_dn"):
            if not getattr(self, name).strip():
                raise _wrong(f"{name} is empty: an anonymous look is not trusted", f"give {name} as a DN")
        for name in ("login_attribute", "id_attribute", "display_name_attribute"):
            if not _ATTRIBUTE.fullmatch(getattr(self, name)):
                raise _wrong(f"{name} {getattr(self, name)!r} is no attribute", "give a name such as uid")
        if "={login})" not in self.user_filter or ":={login}" in self.user_filter:
            raise _wrong(
                f"user_filter {self.user_filter!r} does not compare an attribute with {{login}}",
                "write it such as (&(objectClass=person)(uid={login}))",
            )
        if "{dn}" not in self.group_filter and "{login}" not in self.group_filter:
            raise _wrong("group_filter has neither {dn} nor {login}", "write it such as (member={dn})")
        for name in ("user_filter", "group_filter", "disabled_filter"):
            text = getattr(self, name)
            if text and not _is_balanced(text):
                raise _wrong(f"{name} {text!r} is no filter", "count its parentheses")


def parse_server(url: str) -> ServerAddress:
    """A server's URL as host and port; 389 and 636 where it names no port.

    Raises:
        InvalidInput: `directory-settings`, where it is none.
    """
    match = _URL.fullmatch(url.strip())
    port = int(match["port"] or _PORTS[match["scheme"]]) if match else 0
    if match is None or port > 65535:
        raise _wrong(
            f"servers has {url!r}, which is no server", "write it as ldaps://host or ldap://host:389"
        )
    return ServerAddress((match["host"] or match["v6"]).lower(), port, match["scheme"] == "ldaps")


def normal_login(typed: str) -> str:
    """The login that was meant; empty where it cannot be one.

    A directory takes many spellings for the same entry: full-width letters, spaces around it, characters that
    print nothing. One spelling is asked for, so that failures are counted on one account. Its `casefold` is
    the key for that.
    """
    text = unicodedata.normalize("NFKC", typed).strip()
    has_odd = any(unicodedata.category(each)[0] in "CZ" and each != " " for each in text)
    return "" if has_odd or "  " in text or len(text) > LONGEST_LOGIN else text


def is_possible_password(password: str) -> bool:
    """Whether a directory may be asked at all.

    A bind without a password is an anonymous success (RFC 4513, 5.1.2). A server may take what follows a NUL
    for nothing, so one is refused as well.
    """
    return bool(password.strip()) and "\0" not in password and len(password) <= LONGEST_PASSWORD


def _is_balanced(text: str) -> bool:
    depth = 0
    for each in text:
        depth += (each == "(") - (each == ")")
        if depth < 0:
            return False
    return depth == 0 and text.startswith("(") and text.endswith(")")


def _wrong(what: str, hint: str) -> InvalidInput:
    return InvalidInput("directory-settings", f"the directory's setting {what}", hint=hint)
