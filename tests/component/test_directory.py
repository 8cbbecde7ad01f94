"""People, groups and odd input, asked of a real OpenLDAP."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.access.directory.groups import normal_dn
from andon.access.directory.ldap import LdapDirectory
from andon.access.directory.model import DirectorySettings, normal_login
from andon.kernel.clock import ManualClock, SystemClock
from andon.kernel.errors import AndonError, Damaged, Forbidden
from andon.testing.slapd import (
    GROUPS,
    PEOPLE,
    SERVICE_DN,
    SERVICE_PASSWORD,
    SUFFIX,
    Authority,
    Slapd,
)

BY_ACTIVE_DIRECTORY = {
    "user_filter": "(&(objectClass=playedUser)(sAMAccountName={login}))",
    "login_attribute": "sAMAccountName",
    "id_attribute": "objectGUID",
}

Open = Callable[..., LdapDirectory]


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    folder = tmp_path_factory.mktemp("slapd")
    authority = Authority.make()
    authority.save(folder / "ca.pem")
    with Slapd(folder / "server", authority) as server:
        yield server


@pytest.fixture
async def opened(slapd: Slapd) -> AsyncIterator[Open]:
    """Opens directories on the server with other settings or another bind password."""
    every = []

    def make(*, password: str = SERVICE_PASSWORD, clock=None, **changes) -> LdapDirectory:
        async def bind_password() -> str:
            return password

        usual = {"servers": (slapd.tls_url,), "bind_dn": SERVICE_DN, "base_dn": SUFFIX}
        usual |= {"ca_file": str(slapd.folder.parent / "ca.pem")}
        chosen = DirectorySettings(**(usual | changes))
        every.append(LdapDirectory(chosen, bind_password=bind_password, clock=clock or SystemClock()))
        return every[-1]

    yield make
    for each in every:
        await each.close()


@pytest.fixture
def directory(opened: Open) -> LdapDirectory:
    return opened()


@pytest.fixture
def login() -> str:
    """Of a person of this test alone: the server is shared."""
    return f"p{uuid4().hex[:12]}"


async def refusal(directory: LdapDirectory, login: str, password: str) -> str:
    with pytest.raises(Forbidden) as caught:
        await directory.authenticate(login, password)
    return caught.value.code


async def misconfigured(directory: LdapDirectory) -> str:
    with pytest.raises(Damaged) as caught:
        await directory.probe()
    assert caught.value.code == "directory-misconfigured"
    return caught.value.message


# --- what is typed


@pytest.mark.asvs("1.2.6")
@pytest.mark.parametrize(
    "typed",
    ["*", "*)(uid=*", "x)(|(uid=*", "{login}", "\\2a", "uid=carol", "carol*", "c\\61rol", "carol)(cn=*",
     "carol,ou=people", "carol\0", "car\nol", "ca rol", "car\N{SOFT HYPHEN}ol", "(&)", "*))%00"],
)  # fmt: skip
async def test_what_looks_like_a_filter_or_a_dn_is_only_a_login_nobody_has(
    slapd: Slapd, directory: LdapDirectory, typed: str
) -> None:
    ensure_carol(slapd)
    assert await refusal(directory, typed, "carols-word") == "bad-credentials"


def ensure_carol(slapd: Slapd) -> None:
    if not (slapd.folder / "has-carol").exists():
        slapd.add_person("carol", "carols-word")
        (slapd.folder / "has-carol").touch()


@pytest.mark.parametrize(
    "odd",
    ["o'neil", "a+b", "a=b", 'a"b', "a\\,b", "#dash", "a;b", "<a>", "(x)", "a*b", "김민지", "ÅÄÖ", "a/b"],
)
async def test_odd_but_real_logins_sign_in(slapd: Slapd, directory: LdapDirectory, odd: str) -> None:
    name = f"{odd}{uuid4().hex[:6]}"
    # An own relative name, so that LDIF needs no escaping of the login within the DN.
    dn = f"cn={uuid4().hex},{PEOPLE}"
    slapd.change(
        f"dn: {dn}\nobjectClass: inetOrgPerson\nuid:: {as_base64(name)}\nsn: x\nuserPassword: word\n",
        adds=True,
    )
    person = await directory.authenticate(name, "word")
    assert person.login == normal_login(name)
    assert await directory.find(person.id) == person


def as_base64(value: str | bytes) -> str:
    """As LDIF takes what is not plain text."""
    return b64encode(value.encode() if isinstance(value, str) else value).decode()


async def test_a_dn_full_of_special_characters_binds_and_has_its_groups(
    slapd: Slapd, directory: LdapDirectory, login: str
) -> None:
    dn = f'cn=Kim\\, Min\\+ji (Line \\"1\\") *{login},{PEOPLE}'
    slapd.change(
        f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: {login}\nsn: 김\nuserPassword: word\n", adds=True
    )
    group = slapd.add_group(f"g{login}", [dn])
    person = await directory.authenticate(login, "word")
    assert person.groups == {normal_dn(group)}
    assert person.display_name == f'Kim, Min+ji (Line "1") *{login}'


@pytest.mark.asvs("1.2.6")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    typed=st.one_of(
        st.text(max_size=30),
        st.text(alphabet="carol*()\\&|!=,+ \0{}:", max_size=12),
        st.sampled_from(["carol", "CAROL"]).flatmap(
            lambda name: st.text(max_size=2).map(lambda extra: name + extra)
        ),
    )
)
async def test_no_login_matches_somebody_elses_entry(
    slapd: Slapd, directory: LdapDirectory, typed: str
) -> None:
    ensure_carol(slapd)
    if normal_login(typed).casefold() == "carol":
        assert (await directory.authenticate(typed, "carols-word")).login == "carol"
    else:
        assert await refusal(directory, typed, "carols-word") == "bad-credentials"


async def test_passwords_go_as_they_are_typed(slapd: Slapd, directory: LdapDirectory, login: str) -> None:
    slapd.add_person(login, "x")
    for index, password in enumerate(
        ["비밀번호 하나", "p@ss\\word*()", "ends with space ", "①②③ﬁ", "\N{CONSTRUCTION WORKER}"]
    ):
        dn = f"uid={login},{PEOPLE}"
        slapd.change(
            f"dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {as_base64(password)}\n"
        )
        assert (await directory.authenticate(login, password)).login == login, index
        assert await refusal(directory, login, password + "x") == "bad-credentials"


# --- who it is


async def test_two_entries_for_one_login_are_nobody(
    slapd: Slapd, directory: LdapDirectory, login: str
) -> None:
    for unit in ("one", "two"):
        base = f"ou={unit}{login},{SUFFIX}"
        slapd.change(f"dn: {base}\nobjectClass: organizationalUnit\nou: {unit}{login}\n", adds=True)
        slapd.change(
            f"dn: uid={login},{base}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: x\nsn: x\n"
            "userPassword: w\n",
            adds=True,
        )
    with pytest.raises(Damaged) as caught:
        await directory.authenticate(login, "w")
    assert login not in caught.value.message
    for unit in ("one", "two"):
        slapd.delete(f"uid={login},ou={unit}{login},{SUFFIX}")


async def test_who_is_moved_to_another_unit_keeps_the_id(
    slapd: Slapd, directory: LdapDirectory, login: str
) -> None:
    dn = slapd.add_person(login, "word")
    before = await directory.authenticate(login, "word")
    slapd.change(
        f"dn: {dn}\nchangetype: modrdn\nnewrdn: uid={login}\ndeleteoldrdn: 1\nnewsuperior: {GROUPS}\n"
    )
    assert (await directory.authenticate(login, "word")).id == before.id


async def test_who_leaves_the_user_filter_is_gone(slapd: Slapd, opened: Open, login: str) -> None:
    directory = opened(user_filter="(&(employeeType=plant)(uid={login}))")
    dn = slapd.add_person(login, "word", extra="employeeType: plant")
    person = await directory.authenticate(login, "word")
    slapd.set(dn, "employeeType", "left")
    assert await directory.find(person.id) is None
    assert await refusal(directory, login, "word") == "bad-credentials"


async def test_an_object_guid_is_written_as_microsoft_writes_it(
    slapd: Slapd, opened: Open, login: str
) -> None:
    guid = uuid4()
    slapd.add_person(
        f"u{login}", "word", extra=f"objectGUID:: {as_base64(guid.bytes_le)}\nsAMAccountName: {login}"
    )
    directory = opened(**BY_ACTIVE_DIRECTORY)
    person = await directory.authenticate(login, "word")
    assert (UUID(person.id), person.login) == (guid, login)
    assert await directory.find(str(guid)) == person


# --- whether they may


@pytest.mark.parametrize(
    ("extra", "is_disabled"),
    [
        ("userAccountControl: 512", False),
        ("userAccountControl: 514", True),
        ("userAccountControl: 66050", True),
        ("accountExpires: 0", False),
        ("accountExpires: 9223372036854775807", False),
        ("accountExpires: 132223104000000000", True),  # 2020
        ("shadowExpire: -1", False),
        ("shadowExpire: 0", True),
        ("shadowExpire: 99999", False),
        ("nsAccountLock: TRUE", True),
        ("employeeType: left", True),
        ("employeeType: plant", False),
    ],
)
async def test_an_account_that_says_it_is_disabled_is(
    slapd: Slapd, opened: Open, login: str, extra: str, is_disabled: bool
) -> None:
    slapd.add_person(login, "word", extra=extra)
    directory = opened(disabled_filter="(employeeType=left)")
    if is_disabled:
        assert await refusal(directory, login, "word") == "account-disabled"
        assert await refusal(directory, login, "wrong") == "bad-credentials"
    else:
        assert not (await directory.authenticate(login, "word")).is_disabled


async def test_an_account_locked_for_good_is_disabled(
    slapd: Slapd, directory: LdapDirectory, login: str
) -> None:
    dn = slapd.add_person(login, "word")
    person = await directory.authenticate(login, "word")
    slapd.set(dn, "pwdAccountLockedTime", "000001010000Z", relaxes=True)
    seen = await directory.find(person.id)
    assert seen is not None
    assert seen.is_disabled
    await refusal(directory, login, "word")


async def test_an_expiry_counts_from_its_day_on(slapd: Slapd, opened: Open, login: str) -> None:
    clock = ManualClock(SystemClock().now())
    directory = opened(clock=clock)
    today = (clock.now() - datetime(1970, 1, 1, tzinfo=UTC)).days
    slapd.add_person(login, "word", extra=f"shadowExpire: {today + 1}")
    await directory.authenticate(login, "word")
    clock.advance(timedelta(days=1))
    assert await refusal(directory, login, "word") == "account-disabled"


# --- groups


async def test_the_depth_of_nesting_is_bounded(slapd: Slapd, opened: Open, login: str) -> None:
    below, chain = slapd.add_person(login, "word"), []
    for index in range(5):
        below = slapd.add_group(f"n{index}{login}", [below])
        chain.append(normal_dn(below))
    for depth in (0, 1, 3, 4, 10):
        person = await opened(nested_depth=depth).authenticate(login, "word")
        assert person.groups == set(chain[: depth + 1])


async def test_the_member_of_overlay_gives_the_same_groups(slapd: Slapd, opened: Open, login: str) -> None:
    dn = slapd.add_person(login, "word")
    inner = slapd.add_group(f"inner{login}", [dn])
    slapd.add_group(f"outer{login}", [inner])
    searched = await opened().authenticate(login, "word")
    assert (
        searched.groups == (await opened(member_of_attribute="memberOf").authenticate(login, "word")).groups
    )
    assert len(searched.groups) == 2


async def test_groups_by_login_count_too(slapd: Slapd, opened: Open, login: str) -> None:
    slapd.add_person(login, "word")
    slapd.change(
        f"dn: cn=px{login},{GROUPS}\nobjectClass: posixGroup\ncn: px{login}\ngidNumber: 7\n"
        f"memberUid: {login}\n",
        adds=True,
    )
    person = await opened(group_filter="(|(member={dn})(memberUid={login}))").authenticate(login, "word")
    assert person.groups == {normal_dn(f"cn=px{login},{GROUPS}")}


async def test_more_groups_than_the_server_gives_let_nobody_in(tmp_path: Path) -> None:
    authority = Authority.make()
    ca_file = authority.save(tmp_path / "ca.pem")

    async def bind_password() -> str:
        return SERVICE_PASSWORD

    with Slapd(tmp_path / "slapd", authority, size_limit=5) as server:
        dn = server.add_person("alice", "word")
        for index in range(6):
            server.add_group(f"g{index}", [dn])
        directory = LdapDirectory(
            DirectorySettings(
                servers=(server.tls_url,), bind_dn=SERVICE_DN, base_dn=SUFFIX, ca_file=str(ca_file)
            ),
            bind_password=bind_password,
            clock=SystemClock(),
        )
        with pytest.raises(Damaged):
            await directory.authenticate("alice", "word")
        await directory.close()


# --- what plant IT got wrong: the log and the doctor say it, the person reads one sentence


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bind_dn": f"cn=nobody,{SUFFIX}"}, "refused the bind DN 'cn=nobody,dc=plant,dc=example'"),
        ({"password": "wrong"}, f"refused the bind DN '{SERVICE_DN}'"),
        ({"password": ""}, "bind DN is empty"),
        ({"bind_dn": "no dn"}, "invalidDNSyntax"),
        ({"base_dn": "dc=elsewhere,dc=example"}, "dc=elsewhere,dc=example"),
        ({"base_dn": f"ou=missing,{SUFFIX}"}, f"has no entry 'ou=missing,{SUFFIX}'"),
        ({"group_base_dn": f"ou=missing,{SUFFIX}"}, f"has no entry 'ou=missing,{SUFFIX}'"),
        ({"user_filter": "(&(objectClass=boat)(uid={login}))"}, "has nobody under"),
        ({"user_filter": "(&)(uid={login})"}, "a filter in the settings is none"),
        ({"id_attribute": "objectGUID"}, "shows no usable objectGUID"),
        ({"login_attribute": "employeeNumber"}, "shows no usable employeeNumber"),
    ],
)
async def test_what_is_set_up_wrongly_is_named_to_plant_it_alone(
    slapd: Slapd,
    opened: Open,
    login: str,
    changes: dict[str, str],
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slapd.add_person(login, "the-persons-word")
    directory = opened(**changes)
    assert says in await misconfigured(directory)
    with pytest.raises(AndonError) as caught:
        await directory.authenticate(login, "the-persons-word")
    if isinstance(caught.value, Damaged):
        assert caught.value.message == "the plant's directory cannot be asked at the moment"
        assert says not in caught.value.hint


@pytest.mark.asvs("16.2.5")
async def test_no_password_is_ever_logged(
    slapd: Slapd,
    opened: Open,
    login: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    slapd.add_person(login, "the-persons-word")
    for directory in (opened(), opened(password="the-wrong-service-word"), opened(base_dn="dc=no")):
        for typed in ("the-persons-word", "a-mistyped-word"):
            with pytest.raises(AndonError) as caught:
                await directory.authenticate(login, typed)
                await directory.authenticate(typed, typed)
            error = caught.value
            assert "-word" not in f"{error.message}{error.hint}{error.__cause__}"
    written = "".join([*capfd.readouterr(), caplog.text])
    assert "directory" in written
    assert "-word" not in written


async def test_a_referral_is_an_error_that_names_where_it_leads(
    slapd: Slapd, directory: LdapDirectory, opened: Open, login: str
) -> None:
    slapd.add_person(login, "word")
    dn = f"ou=elsewhere{login},{SUFFIX}"
    slapd.change(
        f"dn: {dn}\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere{login}\n"
        f"ref: ldap://other.example/ou=people\n",
        adds=True,
    )
    try:
        assert "refers to" in await misconfigured(directory)
        with pytest.raises(Damaged):
            await directory.authenticate(login, "word")
        assert "other.example" in await misconfigured(opened(base_dn=dn))
        # A base that this server holds whole is not touched by it.
        await opened(base_dn=PEOPLE, group_base_dn=GROUPS).authenticate(login, "word")
    finally:
        slapd.delete_referral(dn)
