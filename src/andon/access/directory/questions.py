"""What is asked of a directory over one connection: a person, their groups, whether they are disabled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from andon.access.directory import account
from andon.access.directory.groups import normal_dn
from andon.access.directory.link import Entry, Link, Refused, escaped, escaped_bytes
from andon.access.directory.model import DirectoryPerson, DirectorySettings, normal_login
from andon.kernel import logging
from andon.kernel.errors import Damaged, Forbidden

_log = logging.get(__name__)

MOST_GROUPS = 1000  # of one person
_AT_ONCE = 50  # groups whose parents one search asks for
_IN_CHAIN = ":1.2.840.113556.1.4.1941:="  # LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS 3.1.1.3.4.4.3)


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions with this directory's settings, at this time. They block."""

    settings: DirectorySettings
    now: datetime

    def authenticate(self, link: Link, login: str, password: str) -> DirectoryPerson:
        """Search, then bind; what the entry says of itself counts only after the password was right.

        link: bound as the service. login: as `normal_login` gives it.

        Raises:
            Forbidden, Unavailable, Damaged: as `Directory.authenticate` says, with the words for the log.
        """
        entry = self._one(link, self.settings.user_filter.replace("{login}", escaped(login)))
        if entry is None:
            # What was typed is not logged: people type passwords into the wrong field.
            raise bad_credentials()
        self._check_password(link, entry, password)
        person = self._person(link, entry)
        if person.is_disabled:
            raise account_disabled()
        return person

    def find(self, link: Link, directory_id: str) -> DirectoryPerson | None:
        """The person with this id as they are now."""
        value = self._id_value(directory_id)
        if not value:
            return None
        anyone = self.settings.user_filter.replace("={login})", "=*)")
        entry = self._one(link, f"(&({self.settings.id_attribute}={value}){anyone})")
        return self._person(link, entry) if entry else None

    def probe(self, link: Link) -> None:
        """What both need: the bases, a person that can be read, a group filter that is one."""
        link.whoami()
        for base in (self.settings.base_dn, self._group_base):
            link.search(base, "(objectClass=*)", (), limit=1, is_base_only=True)
        # Goes through all of the base, as a sign-in does: a part that lies on another server shows here.
        self._one(link, self.settings.user_filter.replace("{login}", "andon-asks-for-nobody"))
        anyone = self.settings.user_filter.replace("={login})", "=*)")
        found = link.search(self.settings.base_dn, anyone, self._attributes, limit=1).entries
        if not found:
            raise _misconfigured(
                link,
                f"has nobody under {self.settings.base_dn!r} whom user_filter matches",
                "Check base_dn, user_filter and the rights of the bind DN.",
            )
        self._person(link, found[0])

    def _check_password(self, link: Link, entry: Entry, password: str) -> None:
        try:
            with link.other(entry.dn, password) as own:
                own.whoami()
        except Refused as error:
            why = account.why_refused(error.diagnostic)
            if why:
                _log.info("directory refused an account", dn=entry.dn, why=why)
                raise account_disabled() from error
            _log.info("directory refused a password", dn=entry.dn, diagnostic=error.diagnostic)
            raise bad_credentials() from error

    def _one(self, link: Link, filter_: str) -> Entry | None:
        found = link.search(self.settings.base_dn, filter_, self._attributes, limit=2)
        if len(found.entries) > 1 or found.is_cut:
            names = " and ".join(repr(each.dn) for each in found.entries)
            raise _misconfigured(
                link,
                f"has more than one entry for one login: {names}",
                "Make user_filter or base_dn narrower, so that a login is one person.",
            )
        return found.entries[0] if found.entries else None

    def _person(self, link: Link, entry: Entry) -> DirectoryPerson:
        logins = [text for each in entry.texts(self.settings.login_attribute) if (text := normal_login(each))]
        if not logins:
            raise self._unreadable(link, entry, self.settings.login_attribute)
        login = min(logins)  # values have no order (RFC 4512, 2.2); this one stays the same
        names = entry.texts(self.settings.display_name_attribute)
        why = self._why_disabled(link, entry)
        if why:
            _log.info("directory has a disabled account", dn=entry.dn, why=why)
        return DirectoryPerson(
            id=self._id(link, entry),
            login=login,
            display_name=min(names) if names else login,
            groups=self._groups(link, entry, login),
            is_disabled=bool(why),
        )

    def _why_disabled(self, link: Link, entry: Entry) -> str:
        why = account.why_disabled(entry.attributes, self.now)
        if why or not self.settings.disabled_filter:
            return why
        found = link.search(entry.dn, self.settings.disabled_filter, (), limit=1, is_base_only=True)
        return "disabled_filter matches" if found.entries else ""

    @property
    def _attributes(self) -> Sequence[str]:
        settings = self.settings
        names = [settings.id_attribute, settings.login_attribute, settings.display_name_attribute]
        return [*names, *account.ATTRIBUTES, *filter(None, [settings.member_of_attribute])]

    @property
    def _group_base(self) -> str:
        return self.settings.group_base_dn or self.settings.base_dn

    def _id(self, link: Link, entry: Entry) -> str:
        kind = self.settings.id_attribute.lower()
        values = entry.attributes.get(kind, ())
        try:
            if kind == "objectguid":
                return str(UUID(bytes_le=bytes(values[0])))
            text = values[0].decode()
            return str(UUID(text)) if kind == "entryuuid" else text.lower()
        except (IndexError, ValueError) as error:
            raise self._unreadable(link, entry, self.settings.id_attribute) from error

    def _id_value(self, directory_id: str) -> str:
        """The id as a value within a filter; empty where it cannot be one."""
        kind = self.settings.id_attribute.lower()
        try:
            if kind == "objectguid":
                return escaped_bytes(UUID(directory_id).bytes_le)
            return escaped(str(UUID(directory_id)) if kind == "entryuuid" else directory_id)
        except ValueError:
            return ""

    def _unreadable(self, link: Link, entry: Entry, name: str) -> Damaged:
        return _misconfigured(
            link,
            f"shows no usable {name} of {entry.dn!r}",
            "Check the setting, and let the bind DN read that attribute.",
        )

    def _groups(self, link: Link, entry: Entry, login: str) -> frozenset[str]:
        """All groups, the groups of groups included, up to `nested_depth`; a cycle ends by itself."""
        member_of = self.settings.member_of_attribute
        if self.settings.nested_depth and not member_of and link.is_active_directory():
            # To other servers the rule matches nothing, so they must not get it.
            filter_ = self.settings.group_filter.replace("={dn}", f"{_IN_CHAIN}{{dn}}")
            return frozenset(self._search_groups(link, _filled(filter_, entry.dn, login)))
        if member_of:
            found = self._member_of(link, entry)
        else:
            found = self._search_groups(link, _filled(self.settings.group_filter, entry.dn, login))
        seen = dict(found)
        for _ in range(self.settings.nested_depth):
            found = {
                key: dn
                for key, dn in self._parents(link, list(found.values()), login).items()
                if key not in seen
            }
            if not found:
                break
            seen |= found
            self._refuse_too_many(link, len(seen))
        return frozenset(seen)

    def _parents(self, link: Link, dns: Sequence[str], login: str) -> dict[str, str]:
        """The groups that these groups are members of. A part with the login finds what is known already."""
        if "{dn}" not in self.settings.group_filter:
            return {}
        found: dict[str, str] = {}
        for start in range(0, len(dns), _AT_ONCE):
            some = dns[start : start + _AT_ONCE]
            filters = [_filled(self.settings.group_filter, each, login) for each in some]
            found |= self._search_groups(link, f"(|{''.join(filters)})")
        return found

    def _member_of(self, link: Link, entry: Entry) -> dict[str, str]:
        name = self.settings.member_of_attribute.lower()
        # Active Directory gives long lists in pieces; who is in so many groups is refused as below.
        if any(each.startswith(f"{name};range=") for each in entry.attributes):
            self._refuse_too_many(link, MOST_GROUPS + 1)
        texts = entry.texts(name)
        self._refuse_too_many(link, len(texts))
        return {normal_dn(each): each for each in texts}

    def _search_groups(self, link: Link, filter_: str) -> dict[str, str]:
        """Normal DN to the DN as the server wrote it, which is the one to ask it with."""
        found = link.search(self._group_base, filter_, (), limit=MOST_GROUPS)
        self._refuse_too_many(link, MOST_GROUPS + 1 if found.is_cut else len(found.entries))
        return {normal_dn(each.dn): each.dn for each in found.entries}

    @staticmethod
    def _refuse_too_many(link: Link, count: int) -> None:
        if count > MOST_GROUPS:
            raise _misconfigured(
                link,
                f"gives one person more than {MOST_GROUPS} groups, or fewer than it has",
                "Make group_base_dn or group_filter narrower, or raise the server's size limit.",
            )


def bad_credentials() -> Forbidden:
    """One sentence for an unknown login and for a wrong password."""
    return Forbidden("bad-credentials", "login or password is wrong")


def account_disabled() -> Forbidden:
    """One sentence for disabled, expired, and a password that must be changed first."""
    return Forbidden(
        "account-disabled",
        "this account is disabled or expired, or its password must be changed first",
        hint="Plant IT can tell, and Andon's log says which.",
    )


def _filled(filter_: str, dn: str, login: str) -> str:
    # In one pass: what one value brings is not looked at for the other's mark.
    first = filter_.split("{dn}")
    return escaped(dn).join(part.replace("{login}", escaped(login)) for part in first)


def _misconfigured(link: Link, what: str, hint: str) -> Damaged:
    return Damaged("directory-misconfigured", f"the directory server {link.address} {what}", hint=hint)
