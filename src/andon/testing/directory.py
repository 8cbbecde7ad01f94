"""A directory in memory: people, groups of groups, renames, and a plant IT that switches it off."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import uuid4

from andon.access.directory.groups import normal_dn
from andon.access.directory.model import DirectoryPerson, is_possible_password, normal_login
from andon.kernel.errors import Damaged, Forbidden, Unavailable

_SUFFIX = "dc=plant,dc=example"


@dataclass(frozen=True, slots=True)
class _Account:
    person: DirectoryPerson
    password: str


class FakeDirectory:
    """A `Directory` that answers as the real one does."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._members: dict[str, set[str]] = {}
        self._is_away = False
        self._is_misconfigured = False

    def add_person(self, login: str, password: str = "", *, name: str = "") -> str:
        """A person; without a password where it is empty. Their id."""
        person = DirectoryPerson(str(uuid4()), login, name or login, frozenset(), is_disabled=False)
        self._accounts[person.id] = _Account(person, password)
        return person.id

    def add_group(self, name: str, members: Iterable[str]) -> str:
        """A group of these ids of people and DNs of groups, which may not be there yet. Its DN."""
        dn = normal_dn(f"cn={name},ou=groups,{_SUFFIX}")
        self._members[dn] = set(members)
        return dn

    def rename(self, directory_id: str, login: str) -> None:
        """The same person under another login."""
        self._set(directory_id, login=login)

    def disable(self, directory_id: str) -> None:
        """Let the account be used no more."""
        self._set(directory_id, is_disabled=True)

    def remove(self, directory_id: str) -> None:
        """Forget the person."""
        del self._accounts[directory_id]

    def go_away(self) -> None:
        """Answer nothing until `come_back`."""
        self._is_away = True

    def come_back(self) -> None:
        """Answer again, and rightly."""
        self._is_away = self._is_misconfigured = False

    def misconfigure(self) -> None:
        """Be set up wrongly until `come_back`."""
        self._is_misconfigured = True

    async def authenticate(self, login: str, password: str) -> DirectoryPerson:
        """The person with this login, once the password is right."""
        meant = normal_login(login).casefold()
        if not meant or not is_possible_password(password):
            raise Forbidden("bad-credentials", "login or password is wrong")
        self._answer()
        for each in self._accounts.values():
            if each.person.login.casefold() == meant and each.password == password:
                if each.person.is_disabled:
                    raise Forbidden("account-disabled", "this account is disabled")
                return self._seen(each.person)
        raise Forbidden("bad-credentials", "login or password is wrong")

    async def find(self, directory_id: str) -> DirectoryPerson | None:
        """The person as they are now."""
        self._answer()
        account = self._accounts.get(directory_id)
        return self._seen(account.person) if account else None

    async def probe(self) -> None:
        """Raise what the others would."""
        self._answer()

    def _answer(self) -> None:
        if self._is_away:
            raise Unavailable("directory-unavailable", "the plant's directory cannot be asked at the moment")
        if self._is_misconfigured:
            raise Damaged("directory-misconfigured", "the plant's directory cannot be asked at the moment")

    def _set(self, directory_id: str, *, login: str = "", is_disabled: bool = False) -> None:
        account = self._accounts[directory_id]
        person = replace(account.person, login=login or account.person.login)
        person = replace(person, is_disabled=is_disabled or person.is_disabled)
        self._accounts[directory_id] = replace(account, person=person)

    def _seen(self, person: DirectoryPerson) -> DirectoryPerson:
        seen: set[str] = set()
        new = {person.id}
        while new:
            new = {dn for dn, members in self._members.items() if members & new} - seen
            seen |= new
        return replace(person, groups=frozenset(seen))
