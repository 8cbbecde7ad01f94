"""What every directory promises, run against the one in memory and against OpenLDAP over LDAP."""

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Protocol

import pytest

from andon.access.directory.groups import normal_dn
from andon.access.directory.ldap import LdapDirectory
from andon.access.directory.model import Directory, DirectorySettings
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Damaged, Forbidden, Unavailable
from andon.testing.directory import FakeDirectory
from andon.testing.slapd import SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Authority, Slapd


class World(Protocol):
    """A directory, and what plant IT does to it. A person is named by what `add_person` gave."""

    directory: Directory

    def add_person(self, login: str, password: str = "", *, name: str = "") -> str: ...
    def add_group(self, name: str, members: Iterable[str]) -> str: ...
    def rename(self, person: str, login: str) -> str: ...
    def disable(self, person: str) -> None: ...
    def remove(self, person: str) -> None: ...
    def go_away(self) -> None: ...
    def come_back(self) -> None: ...
    def misconfigure(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self.directory = fake = FakeDirectory()
        self.add_person, self.add_group = fake.add_person, fake.add_group
        self.disable, self.remove = fake.disable, fake.remove
        self.go_away, self.come_back, self.misconfigure = fake.go_away, fake.come_back, fake.misconfigure

    def rename(self, person: str, login: str) -> str:
        self.directory.rename(person, login)
        return person


class OverLdap:
    def __init__(self, server: Slapd, ca_file: Path) -> None:
        self._server = server
        self._password = SERVICE_PASSWORD
        self.add_person, self.add_group = server.add_person, server.add_group
        self.remove = server.delete
        self.go_away = server.stop
        settings = DirectorySettings(
            servers=(server.url,), bind_dn=SERVICE_DN, base_dn=SUFFIX, ca_file=str(ca_file)
        )
        self.directory = LdapDirectory(settings, bind_password=self._bind_password, clock=SystemClock())

    async def _bind_password(self) -> str:
        return self._password

    def rename(self, person: str, login: str) -> str:
        return self._server.rename(person, f"uid={login}")

    def disable(self, person: str) -> None:
        self._server.set(person, "shadowExpire", "1")

    def misconfigure(self) -> None:
        self._password = "changed-by-somebody"

    def come_back(self) -> None:
        self._password = SERVICE_PASSWORD
        self._server.stop()
        self._server.start()


@pytest.fixture(params=["in memory", "OpenLDAP"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "in memory":
        yield InMemory()
        return
    authority = Authority.make()
    with Slapd(tmp_path / "slapd", authority) as server:
        over = OverLdap(server, authority.save(tmp_path / "ca.pem"))
        yield over
        await over.directory.close()


async def refusal(directory: Directory, login: str, password: str) -> str:
    with pytest.raises(Forbidden) as caught:
        await directory.authenticate(login, password)
    return caught.value.code


async def test_the_right_password_gives_the_person_as_the_directory_spells_them(world: World) -> None:
    world.add_person("minji.kim", "pass word", name="김민지")
    person = await world.directory.authenticate(" Minji.KIM ", "pass word")
    assert (person.login, person.display_name, person.is_disabled) == ("minji.kim", "김민지", False)
    assert person == await world.directory.find(person.id)


async def test_a_wrong_password_and_an_unknown_login_are_the_same_refusal(world: World) -> None:
    world.add_person("alice", "right")
    world.add_person("bob", "other")
    for login, password in [("alice", "other"), ("alice", "RIGHT"), ("nobody", "right"), ("", "right")]:
        assert await refusal(world.directory, login, password) == "bad-credentials"


@pytest.mark.parametrize("password", ["", " ", "\t\n", "\0", "\0right", "right\0", "\N{NO-BREAK SPACE}"])
async def test_a_password_that_is_none_is_never_asked_for(world: World, password: str) -> None:
    world.add_person("alice", "right")
    world.add_person("bare")
    for login in ("alice", "bare", "nobody"):
        assert await refusal(world.directory, login, password) == "bad-credentials"


async def test_an_entry_without_a_password_signs_nobody_in(world: World) -> None:
    world.add_person("bare")
    assert await refusal(world.directory, "bare", "x") == "bad-credentials"


@pytest.mark.asvs("6.8.1")
async def test_a_renamed_person_keeps_the_id_and_the_old_login_is_unknown(world: World) -> None:
    added = world.add_person("alice", "right")
    before = await world.directory.authenticate("alice", "right")
    world.rename(added, "alice.park")
    after = await world.directory.authenticate("alice.park", "right")
    assert (after.id, after.login) == (before.id, "alice.park")
    assert await world.directory.find(before.id) == after
    assert await refusal(world.directory, "alice", "right") == "bad-credentials"


async def test_who_is_disabled_meanwhile_is_seen_by_both_questions(world: World) -> None:
    added = world.add_person("alice", "right")
    person = await world.directory.authenticate("alice", "right")
    world.disable(added)
    seen = await world.directory.find(person.id)
    assert seen is not None
    assert seen.is_disabled
    assert await refusal(world.directory, "alice", "right") == "account-disabled"
    assert await refusal(world.directory, "alice", "wrong") == "bad-credentials"


async def test_who_is_removed_is_gone(world: World) -> None:
    added = world.add_person("alice", "right")
    person = await world.directory.authenticate("alice", "right")
    world.remove(added)
    assert await world.directory.find(person.id) is None
    assert await refusal(world.directory, "alice", "right") == "bad-credentials"


@pytest.mark.parametrize("odd", ["", "nonsense", "*", "6c1f0f3a-0000-4000-8000-000000000000", "*)(uid=*"])
async def test_an_id_that_is_nobodys_finds_nobody(world: World, odd: str) -> None:
    world.add_person("alice", "right")
    assert await world.directory.find(odd) is None


async def test_groups_of_groups_count_and_a_cycle_ends(world: World) -> None:
    added = world.add_person("alice", "right")
    inner = "cn=inner,ou=groups,dc=plant,dc=example"
    middle = world.add_group("middle", [inner])
    outer = world.add_group("outer", [middle])
    world.add_group("inner", [added, outer])
    world.add_group("strangers", [world.add_person("bob", "x")])
    person = await world.directory.authenticate("alice", "right")
    assert person.groups == {normal_dn(each) for each in (inner, middle, outer)}


@pytest.mark.asvs("16.5.2")
@pytest.mark.parametrize("ask", ["authenticate", "find", "probe"])
async def test_a_directory_that_is_away_is_no_yes_and_no_no(world: World, ask: str) -> None:
    world.add_person("alice", "right")
    person = await world.directory.authenticate("alice", "right")
    asks = questions(world, person.id)
    world.go_away()
    with pytest.raises(Unavailable) as caught:
        await asks[ask]()
    assert caught.value.code == "directory-unavailable"
    world.come_back()
    await asks[ask]()


@pytest.mark.parametrize("ask", ["authenticate", "find", "probe"])
async def test_a_directory_set_up_wrongly_lets_nobody_in(world: World, ask: str) -> None:
    world.add_person("alice", "right")
    person = await world.directory.authenticate("alice", "right")
    asks = questions(world, person.id)
    world.misconfigure()
    with pytest.raises(Damaged) as caught:
        await asks[ask]()
    assert caught.value.code == "directory-misconfigured"
    world.come_back()
    await asks[ask]()


def questions(world: World, directory_id: str) -> dict[str, Callable[[], object]]:
    return {
        "authenticate": lambda: world.directory.authenticate("alice", "right"),
        "find": lambda: world.directory.find(directory_id),
        "probe": world.directory.probe,
    }
