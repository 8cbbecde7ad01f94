"""Signing in on both databases: local people, people of the directory, and those who guess."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from andon.access.directory.model import GroupRole
from andon.access.model import Grant, Source
from andon.access.people.model import Demands, Purpose
from andon.access.people.passwords import Passwords, Work
from andon.access.people.profiles import PROFILES
from andon.kernel.errors import AndonError, Damaged, Forbidden, Unauthenticated, Unavailable
from andon.testing.accounts import PASSWORD, SOURCE, Accounts
from andon.testing.directory import FakeDirectory
from andon.timeline.records import Severity

VIEWER = Grant("viewer")
GROUPS = (GroupRole("engineers", "engineer"), GroupRole("quality", "approver", environment="production"))


@pytest.fixture
async def accounts(any_database, tmp_path):
    made = Accounts(any_database, tmp_path)
    yield made
    made.close()


@pytest.fixture
def directory():
    return FakeDirectory()


@pytest.fixture
async def plant(any_database, tmp_path, directory):
    made = Accounts(any_database, tmp_path, directory=directory, groups=GROUPS)
    yield made
    made.close()


async def refused(accounts, login="mina", password="wrong", source=SOURCE):
    with pytest.raises(AndonError) as caught:
        await accounts.login.check(login, password, source=source)
    return caught.value


async def test_a_right_password_lets_in_and_is_noted(accounts):
    made = await accounts.person("mina", VIEWER)
    user, method = await accounts.login.check(" MINA ", PASSWORD, source=SOURCE)
    assert (user.id, method, user.last_login_at) == (made.id, "password", accounts.now())


@pytest.mark.asvs("6.3.1")
async def test_the_answer_never_says_whether_there_is_such_a_login(accounts):
    await accounts.person("mina", VIEWER)
    disabled = await accounts.person("gone", VIEWER)
    await accounts.people.update(disabled.id, is_disabled=True, actor="setup", reason="left")
    told = []
    for login in ("mina", "gone", "nobody", "", "x" * 5000, "\ud800"):
        before = accounts.passwords.checks
        errors = [await refused(accounts, login, source="") for _ in range(6)]
        told.append([(type(each), each.code, each.message, each.hint) for each in errors])
        assert accounts.passwords.checks - before == 5  # as much work for each login
    assert all(each == told[0] for each in told)
    assert [each[1] for each in told[0]] == ["bad-credentials"] * 5 + ["locked-out"]


async def test_only_the_right_password_learns_that_the_account_is_disabled(accounts):
    user = await accounts.person("mina", VIEWER)
    await accounts.people.update(user.id, is_disabled=True, actor="setup", reason="left")
    assert (await refused(accounts)).code == "bad-credentials"
    assert (await refused(accounts, password=PASSWORD)).code == "account-disabled"


@pytest.mark.asvs("6.3.1")
@pytest.mark.part11("11.300(d)", "11.10(d)")
async def test_locked_out_means_the_right_password_waits_too_and_then_resets(accounts):
    await accounts.person("mina", VIEWER)
    for _ in range(5):
        await refused(accounts)
    error = await refused(accounts, password=PASSWORD)
    assert (error.code, error.hint, error.needs) == (
        "locked-out",
        "try again in 30 seconds",
        {"retry_after_s": 30},
    )
    accounts.clock.advance(timedelta(seconds=30))
    await accounts.login.check("mina", PASSWORD, source=SOURCE)
    for _ in range(4):
        await refused(accounts)
    await accounts.login.check("mina", PASSWORD, source=SOURCE)


async def test_a_restart_forgives_nobody(accounts, any_database, tmp_path):
    await accounts.person("mina", VIEWER)
    for _ in range(5):
        await refused(accounts)
    again = Accounts(any_database, tmp_path)
    assert (await refused(again, password=PASSWORD)).code == "locked-out"
    again.close()


async def test_an_administrator_unlocks(accounts):
    user = await accounts.person("mina", VIEWER)
    for _ in range(5):
        await refused(accounts)
    await accounts.people.unlock(user.id, actor="setup", reason="asked by phone")
    await accounts.login.check("mina", PASSWORD, source=SOURCE)
    assert (await accounts.records("access.unlocked"))[0].event.before == {"failures": 5}


def sign(accounts, password, source=SOURCE):
    return accounts.login.check("mina", password, source=source, purpose=Purpose.SIGN)


@pytest.mark.asvs("6.3.1")
@pytest.mark.part11("11.300(d)")
async def test_a_stranger_who_fails_to_sign_in_holds_up_nobodys_signature(accounts):
    await accounts.person("mina", VIEWER)
    for _ in range(6):
        await refused(accounts)
    for number in range(30):
        await refused(accounts, f"login{number}")  # from the address of the one who signs
    assert (await refused(accounts, password=PASSWORD)).code == "locked-out"
    assert (await sign(accounts, PASSWORD))[0].login == "mina"
    assert (await refused(accounts, password=PASSWORD)).code == "locked-out"  # a signature opens no door


@pytest.mark.asvs("6.3.1", "16.3.1")
@pytest.mark.part11("11.300(d)")
async def test_wrong_passwords_at_signing_lock_signing_are_told_and_can_be_unlocked(accounts):
    user = await accounts.person("mina", VIEWER)
    for number in range(5):
        with pytest.raises(Forbidden, match="wrong"):
            await sign(accounts, "wrong", f"10.3.0.{number}")
    with pytest.raises(Forbidden, match="too many"):
        await sign(accounts, PASSWORD)
    told = [each.event for each in (await accounts.records())[1:]]
    assert [each.kind for each in told] == ["access.login-failed"] * 4 + ["access.locked-out"]
    assert {each.subject for each in told} == {"user/mina"}
    assert all("at signing" in each.reason for each in told)
    assert await accounts.login.check("mina", PASSWORD, source=SOURCE)  # and signing in goes on
    await accounts.people.unlock(user.id, actor="setup", reason="asked by phone")
    assert await sign(accounts, PASSWORD)


@pytest.mark.asvs("6.3.1", "2.4.1")
@pytest.mark.part11("11.300(d)")
async def test_an_address_that_tries_many_logins_must_wait_and_others_need_not(accounts):
    await accounts.person("mina", VIEWER)
    for number in range(30):
        assert (await refused(accounts, f"login{number}")).code == "bad-credentials"
    assert (await refused(accounts, "mina", PASSWORD)).code == "locked-out"
    await accounts.login.check("mina", PASSWORD, source="10.1.0.8")


async def test_a_right_password_gives_an_address_no_further_guesses(accounts):
    await accounts.person("mina", VIEWER)
    for number in range(30):
        if number % 4 == 0:
            await accounts.login.check("mina", PASSWORD, source="2001:db8::1")
        await refused(accounts, f"login{number}", source=f"2001:db8::{number:x}")
    assert (await refused(accounts, "another", source="2001:db8::ffff")).code == "locked-out"


@pytest.mark.asvs("6.3.1", "2.3.4")
async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(accounts):
    await accounts.person("mina", VIEWER)
    before = accounts.passwords.checks
    errors = await asyncio.gather(*(refused(accounts, source=f"10.2.0.{each}") for each in range(20)))
    assert accounts.passwords.checks - before == 5
    assert sorted(each.code for each in errors) == ["bad-credentials"] * 5 + ["locked-out"] * 15


async def test_two_right_logins_at_once_both_come_in(accounts):
    await accounts.person("mina", VIEWER)
    done = await asyncio.gather(*(accounts.login.check("mina", PASSWORD, source=SOURCE) for _ in range(4)))
    assert len(done) == 4


@pytest.mark.asvs("16.3.1", "16.3.3")
@pytest.mark.part11("11.300(d)")
async def test_an_attack_is_told_and_does_not_flood_the_timeline(accounts):
    await accounts.person("mina", VIEWER)
    for _ in range(300):
        await refused(accounts)
        accounts.clock.advance(timedelta(seconds=10))
    told = [(each.event.kind, each.event.severity) for each in (await accounts.records())[1:]]
    assert told[:5] == [("access.login-failed", Severity.INFO)] * 4 + [
        ("access.locked-out", Severity.WARNING)
    ]
    assert ("access.locked-out", Severity.ALERT) in told
    assert len(told) < 20
    assert all(each.event.subject == "user/mina" for each in await accounts.records())


async def test_an_unknown_login_is_not_repeated_on_the_timeline(accounts):
    await refused(accounts, "my secret password typed into the wrong field")
    record = (await accounts.records())[0].event
    assert (record.subject, record.source) == ("user/unknown", SOURCE)
    assert "secret" not in f"{record}"


async def test_what_could_not_be_checked_is_no_failure(any_database, tmp_path):
    accounts = Accounts(any_database, tmp_path, work=Work(memory_kib=8, passes=1, parallel=1, waiting=0))
    await accounts.person("mina", VIEWER)
    for _ in range(4):
        await refused(accounts)
    tries = (accounts.login.check("mina", PASSWORD, source="") for _ in range(3))
    done = await asyncio.gather(*tries, return_exceptions=True)
    for _ in range(2):
        error = await refused(accounts)
        assert error.code in ("bad-credentials", "locked-out"), done
    accounts.close()


async def test_a_hash_of_older_figures_is_renewed_by_signing_in(any_database, tmp_path):
    old = Accounts(any_database, tmp_path)
    user = await old.person("mina", VIEWER)
    new = Accounts(any_database, tmp_path, work=Work(memory_kib=16, passes=2))
    await new.login.check("mina", PASSWORD, source=SOURCE)
    checker = Passwords(Work(memory_kib=16, passes=2))
    kept = (await new.store.get(user.id)).password_hash
    assert not checker.is_outdated(kept)
    assert await checker.verify(kept, PASSWORD)
    for each in (old, new, checker):
        each.close()


async def test_the_annex_11_draft_locks_until_an_administrator_unlocks_all_but_the_sealed_account(
    any_database, tmp_path
):
    accounts = Accounts(any_database, tmp_path, demands=Demands(PROFILES["annex11-draft"]))
    strong = "Quiet lakes, 7 of them"
    user = await accounts.person("mina", VIEWER, password=strong)
    await accounts.people.create(
        "sealed",
        "Sealed",
        password=strong,
        must_change=False,
        is_break_glass=True,
        actor="setup",
        reason="new",
    )
    for login in ("mina", "sealed"):
        for _ in range(5):
            await refused(accounts, login)
    accounts.clock.advance(timedelta(days=2))
    assert "administrator" in (await refused(accounts, password=strong)).hint
    await accounts.login.check("sealed", strong, source=SOURCE)
    await accounts.people.unlock(user.id, actor="setup", reason="no attack")
    await accounts.login.check("mina", strong, source=SOURCE)
    accounts.close()


@pytest.mark.part11("11.300(d)")
async def test_the_use_of_the_sealed_account_is_an_alert(accounts):
    user, _ = await accounts.people.create(
        "sealed",
        "Sealed",
        password=PASSWORD,
        must_change=False,
        is_break_glass=True,
        actor="setup",
        reason="new",
    )
    await accounts.open(user)
    assert (await accounts.records("access.break-glass-used"))[0].event.severity is Severity.ALERT


async def test_a_person_of_the_directory_is_made_at_the_first_sign_in_with_the_roles_of_their_groups(
    plant, directory
):
    anna = directory.add_person("Anna", "sesame open", name="Anna Lee")
    directory.add_group("engineers", [anna])
    user, method = await plant.login.check("anna", "sesame open", source=SOURCE)
    assert (user.source, user.directory_id, method) == (Source.DIRECTORY, anna, "directory")
    assert (user.display_name, user.grants) == ("Anna Lee", (Grant("engineer"),))
    again, _ = await plant.login.check("ANNA", "sesame open", source=SOURCE)
    assert again.id == user.id
    assert len(await plant.records("access.user-created")) == 1


async def test_two_first_sign_ins_at_once_make_one_person(plant, directory):
    directory.add_group("engineers", [directory.add_person("anna", "sesame open")])
    done = await asyncio.gather(*(plant.login.check("anna", "sesame open", source=SOURCE) for _ in range(4)))
    assert len({user.id for user, _ in done}) == 1
    assert len(await plant.records("access.user-created")) == 1


async def test_nobody_without_a_group_that_has_a_role_comes_in(plant, directory):
    directory.add_person("anna", "sesame open")
    assert (await refused(plant, "anna", "sesame open")).code == "no-role"
    assert await plant.people.list() == []


async def test_a_login_that_no_record_could_name_is_refused(plant, directory):
    directory.add_group("engineers", [directory.add_person("a" * 121, "sesame open")])
    assert (await refused(plant, "a" * 121, "sesame open")).code == "login-too-long"
    directory.add_group("quality", [directory.add_person("b" * 120, "sesame open")])
    user, _ = await plant.login.check("b" * 120, "sesame open", source=SOURCE)
    await plant.open(user)


@pytest.mark.part11("11.10(e)")
@pytest.mark.parametrize("login", ["andon", "Timeline", "token:ci"])
async def test_a_person_whom_the_directory_calls_as_a_part_of_andon_is_refused(plant, directory, login):
    directory.add_group("quality", [directory.add_person(login, "sesame open")])
    with capture_logs() as logged:
        assert (await refused(plant, login, "sesame open")).code == "login-reserved"
    assert await plant.people.find(login) is None
    record = (await plant.records("access.login-refused"))[0].event
    assert (record.actor, "names a part of Andon" in record.reason) == ("directory", True)
    (line,) = [each for each in logged if each["event"] == "directory login refused"]
    assert (line["log_level"], line["login"]) == ("error", login)


async def test_groups_are_taken_anew_at_each_sign_in_and_cannot_be_overruled_here(plant, directory):
    anna = directory.add_person("anna", "sesame open")
    directory.add_group("engineers", [anna])
    user, _ = await plant.login.check("anna", "sesame open", source=SOURCE)
    directory.add_group("quality", [anna])
    again, _ = await plant.login.check("anna", "sesame open", source=SOURCE)
    assert [each.label for each in again.grants] == ["engineer", "approver@production"]
    for change in ({"grants": []}, {"display_name": "Other"}):
        with pytest.raises(AndonError, match="come from the directory"):
            await plant.people.update(user.id, **change, actor="setup", reason="try")
    with pytest.raises(AndonError, match="directory keeps the password"):
        await plant.people.reset_password(user.id, actor="setup", reason="try")


@pytest.mark.asvs("6.8.1")
async def test_a_local_account_wins_and_its_password_never_reaches_the_directory(plant, directory):
    local = await plant.person("anna", VIEWER)
    directory.add_group("engineers", [directory.add_person("anna", "sesame open")])
    assert (await refused(plant, "anna", "sesame open")).code == "bad-credentials"
    user, method = await plant.login.check("anna", PASSWORD, source=SOURCE)
    assert (user.id, method) == (local.id, "password")


@pytest.mark.asvs("6.8.1")
@pytest.mark.part11("11.100(a)", "11.300(a)")
async def test_somebody_who_gets_a_former_persons_login_in_the_directory_is_refused(plant, directory):
    anna = directory.add_person("anna", "sesame open")
    other = directory.add_person("bob", "open barley")
    directory.add_group("engineers", [anna, other])
    user, _ = await plant.login.check("anna", "sesame open", source=SOURCE)
    directory.rename(anna, "anna.lee")
    directory.rename(other, "anna")
    assert (await refused(plant, "anna", "open barley")).code == "login-taken"
    renamed, _ = await plant.login.check("anna.lee", "sesame open", source=SOURCE)
    assert (renamed.id, renamed.login) == (user.id, "anna")


@pytest.mark.asvs("16.5.2")
@pytest.mark.part11("11.10(d)")
async def test_without_an_answer_of_the_directory_only_local_people_come_in(plant, directory):
    directory.add_group("engineers", [directory.add_person("anna", "sesame open")])
    await plant.person("sealed", VIEWER)
    directory.go_away()
    for _ in range(10):
        with pytest.raises(Unavailable):
            await plant.login.check("anna", "sesame open", source=SOURCE)
    await plant.login.check("sealed", PASSWORD, source=SOURCE)
    directory.misconfigure()
    directory.come_back()
    await plant.login.check("anna", "sesame open", source=SOURCE)  # none of these was a failure of hers


async def test_a_misconfigured_directory_lets_nobody_in(plant, directory):
    directory.misconfigure()
    with pytest.raises(Damaged):
        await plant.login.check("anna", "sesame open", source=SOURCE)


@pytest.mark.parametrize("how", ["disable", "remove"])
async def test_who_is_out_in_the_directory_is_out_here_at_the_next_check(plant, directory, how):
    anna = directory.add_person("anna", "sesame open")
    directory.add_group("engineers", [anna])
    user, _ = await plant.login.check("anna", "sesame open", source=SOURCE)
    session = await plant.open(user)
    await plant.login.recheck()
    await plant.sessions.principal(session.secret, source=SOURCE)
    getattr(directory, how)(anna)
    await plant.login.recheck()
    with pytest.raises(Unauthenticated):
        await plant.sessions.principal(session.secret, source=SOURCE)
    assert (await plant.people.get(user.id)).is_disabled
    assert len(await plant.records("access.user-disabled")) == 1
    await plant.login.recheck()
    assert len(await plant.records("access.user-disabled")) == 1


async def test_a_recheck_takes_groups_anew_and_a_silent_directory_ends_nothing(plant, directory):
    anna = directory.add_person("anna", "sesame open")
    directory.add_group("engineers", [anna])
    user, _ = await plant.login.check("anna", "sesame open", source=SOURCE)
    session = await plant.open(user)
    directory.add_group("quality", [anna])
    await plant.login.recheck()
    assert len((await plant.sessions.principal(session.secret, source=SOURCE)).grants) == 2
    directory.go_away()
    with pytest.raises(Unavailable):
        await plant.login.recheck()
    await plant.sessions.principal(session.secret, source=SOURCE)


async def test_whom_an_administrator_disabled_the_directory_does_not_enable(plant, directory):
    directory.add_group("engineers", [directory.add_person("anna", "sesame open")])
    user, _ = await plant.login.check("anna", "sesame open", source=SOURCE)
    await plant.people.update(user.id, is_disabled=True, actor="setup", reason="on leave")
    assert isinstance(await refused(plant, "anna", "sesame open"), Forbidden)
    assert (await plant.people.get(user.id)).is_disabled


async def test_counts_that_mean_nothing_any_more_are_removed(accounts):
    await accounts.person("mina", VIEWER)
    for _ in range(4):
        await refused(accounts)
    accounts.clock.advance(timedelta(hours=24, seconds=1))
    await accounts.login.tick()
    for _ in range(4):
        await refused(accounts)
    await accounts.login.check("mina", PASSWORD, source=SOURCE)
