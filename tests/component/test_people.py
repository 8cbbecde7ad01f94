"""People's accounts and roles on both databases."""

import asyncio
import json
import logging
from datetime import timedelta

import pytest

from andon.access.model import Grant, Permission, Principal, PrincipalKind, Scope, Where
from andon.access.people.model import Demands
from andon.access.people.profiles import PROFILES
from andon.kernel.errors import AndonError, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from andon.testing.accounts import PASSWORD, SOURCE, Accounts
from andon.timeline.records import Severity

ADMIN, VIEWER, ENGINEER = Grant("admin"), Grant("viewer"), Grant("engineer")
OTHER = "seven boats cross the bay"


@pytest.fixture
async def accounts(any_database, tmp_path):
    made = Accounts(any_database, tmp_path)
    yield made
    made.close()


@pytest.mark.asvs("6.4.1", "11.5.1")
@pytest.mark.part11("11.300(b)")
async def test_a_new_person_gets_a_password_for_once_which_runs_out(accounts):
    user, once = await accounts.people.create(
        "Mina", "Mina Kim", grants=[VIEWER], actor="setup", reason="new"
    )
    assert user.must_change_password
    assert await accounts.people.get(user.id) == user
    assert (await accounts.people.find("MINA")) == user
    assert (await accounts.login.check("mina", once, source=SOURCE))[0].must_change_password
    accounts.clock.advance(timedelta(hours=72))
    with pytest.raises(Forbidden, match="not used in time"):
        await accounts.login.check("mina", once, source=SOURCE)


@pytest.mark.part11("11.100(a)", "11.300(a)")
async def test_a_login_is_never_given_twice_whatever_its_spelling(accounts):
    user = await accounts.person("mina")
    await accounts.people.update(user.id, is_disabled=True, actor="setup", reason="left")
    for login in ("mina", "MINA", "ｍｉｎａ"):
        with pytest.raises(Conflict, match="never given again"):
            await accounts.people.create(login, "Another", actor="setup", reason="new")
    assert [each.login for each in await accounts.people.list()] == ["mina"]


@pytest.mark.part11("11.100(a)", "11.300(a)")
async def test_of_two_who_create_the_same_login_at_once_one_wins(accounts):
    made = await asyncio.gather(
        *(accounts.people.create("mina", "Mina", actor="setup", reason="new") for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, Exception) for each in made) == 1
    assert sum(isinstance(each, Conflict) for each in made) == 3
    assert len(await accounts.records("access.user-created")) == 1


@pytest.mark.asvs("16.2.1")
@pytest.mark.part11("11.10(e)")
async def test_every_change_is_told_with_before_and_after(accounts):
    await accounts.person("boss", ADMIN)
    user = await accounts.person("mina", VIEWER)
    await accounts.people.update(user.id, grants=[ENGINEER], actor="boss", reason="moved to line 2")
    await accounts.people.update(user.id, display_name="Mina Lee", actor="boss", reason="married")
    await accounts.people.update(user.id, is_disabled=True, actor="boss", reason="on leave")
    await accounts.people.update(user.id, is_disabled=False, actor="boss", reason="back")
    told = [(each.event.kind, each.event.before, each.event.after) for each in (await accounts.records())[2:]]
    assert told == [
        ("access.grants-changed", {"grants": ["viewer"]}, {"grants": ["engineer"]}),
        ("access.user-renamed", {"display_name": "Mina"}, {"display_name": "Mina Lee"}),
        ("access.user-disabled", {"is_disabled": False}, {"is_disabled": True}),
        ("access.user-enabled", {"is_disabled": True}, {"is_disabled": False}),
    ]
    assert {each.event.subject for each in (await accounts.records())[1:]} == {"user/mina"}
    assert (await accounts.records())[-1].event.actor == "boss"


async def test_what_is_refused_leaves_no_trace(accounts):
    user = await accounts.person("mina", ADMIN)
    before = await accounts.records()
    for wrong in (
        {"grants": [Grant("nobody")]},
        {"display_name": ""},
        {"is_disabled": True},
        {"grants": [VIEWER]},
    ):
        with pytest.raises((InvalidInput, Conflict)):
            await accounts.people.update(user.id, **wrong, actor="setup", reason="try")
    with pytest.raises(InvalidInput, match="reason"):
        await accounts.people.update(user.id, grants=[], actor="setup", reason="  ")
    with pytest.raises(NotFound):
        await accounts.people.update("us-nobody", grants=[], actor="setup", reason="try")
    assert await accounts.records() == before
    assert await accounts.people.get(user.id) == user


async def test_the_last_administrator_stays(accounts):
    one, two = await accounts.person("one", ADMIN), await accounts.person("two", ADMIN)
    await accounts.person("limited", Grant("admin", Scope("staging")))
    await accounts.people.update(one.id, grants=[], actor="two", reason="moved")
    for change in (
        {"is_disabled": True},
        {"grants": [ENGINEER]},
        {"grants": [Grant("admin", Scope("staging"))]},
    ):
        with pytest.raises(Conflict, match="last enabled local administrator"):
            await accounts.people.update(two.id, **change, actor="two", reason="try")


async def test_two_administrators_cannot_disable_each_other_at_once(accounts):
    users = [await accounts.person(each, ADMIN) for each in ("one", "two")]
    done = await asyncio.gather(
        *(accounts.people.update(each.id, is_disabled=True, actor="setup", reason="try") for each in users),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in done) == 1


@pytest.mark.part11("11.10(g)")
async def test_nobody_gives_or_takes_over_more_than_they_have(accounts):
    await accounts.person("boss", ADMIN)
    await accounts.people.put_role(
        "helpdesk",
        {"users.view": "anywhere", "users.manage": "anywhere"},
        description="",
        actor="boss",
        reason="new",
    )
    await accounts.person("desk", Grant("helpdesk"), VIEWER)
    approver, viewer = await accounts.person("anna", Grant("approver")), await accounts.person("vic", VIEWER)
    people = accounts.people
    for attempt in (
        lambda: people.create("evil", "Evil", grants=[ADMIN], actor="desk", reason="try"),
        lambda: people.update(viewer.id, grants=[Grant("approver")], actor="desk", reason="try"),
        lambda: people.update(approver.id, is_disabled=True, actor="desk", reason="try"),
        lambda: people.reset_password(approver.id, actor="desk", reason="try"),
        lambda: people.unlock(approver.id, actor="desk", reason="try"),
        lambda: people.put_role(
            "helpdesk", {"secrets.manage": "anywhere"}, description="", actor="desk", reason="x"
        ),
        lambda: people.put_role(
            "more", {"secrets.manage": "anywhere"}, description="", actor="desk", reason="x"
        ),
        lambda: people.create("ev", "Ev", grants=[VIEWER], actor="token:unknown", reason="try"),
    ):
        with pytest.raises(Forbidden, match="takes rights that"):
            await attempt()
    assert "more" not in await people.roles()
    await people.create("novice", "Novice", grants=[VIEWER], actor="desk", reason="new")
    assert await people.reset_password(viewer.id, actor="desk", reason="forgotten")


async def test_a_limited_token_of_an_administrator_gives_no_more_than_the_token_has(accounts):
    boss = await accounts.person("boss", ADMIN)
    token = Principal(
        PrincipalKind.TOKEN, "boss", "", boss.grants, user_id=boss.id, limits=(Grant("auditor"),)
    )
    with pytest.raises(Forbidden):
        await accounts.people.create("evil", "Evil", grants=[ADMIN], actor=token, reason="try")


async def test_own_roles_are_made_changed_and_removed_and_builtin_ones_stay(accounts):
    people = accounts.people
    given = {Permission.CORD_PULL: Where.ANYWHERE, Permission.DEPLOY: Where.OUTSIDE_PRODUCTION}
    await people.put_role("packer", given, description="packs", actor="setup", reason="new")
    role = (await people.roles())["packer"]
    assert (role.permissions, role.is_builtin, role.description) == (given, False, "packs")
    user = await accounts.person("mina", Grant("packer"))
    with pytest.raises(Conflict, match="held by mina"):
        await people.delete_role("packer", actor="setup", reason="old")
    await people.update(user.id, grants=[], actor="setup", reason="other work")
    await people.delete_role("packer", actor="setup", reason="old")
    with pytest.raises(NotFound):
        await people.delete_role("packer", actor="setup", reason="old")
    for name in ("admin", "viewer"):
        with pytest.raises(Conflict, match="built in"):
            await people.put_role(name, given, description="", actor="setup", reason="try")
        with pytest.raises(Conflict, match="built in"):
            await people.delete_role(name, actor="setup", reason="try")
    for wrong in ({"fly": "anywhere"}, {"cord.pull": "sometimes"}, {}):
        with pytest.raises(InvalidInput):
            await people.put_role("packer", wrong, description="", actor="setup", reason="try")


@pytest.mark.asvs("6.2.2", "6.2.3", "7.4.3")
async def test_changing_ones_password_ends_the_other_sessions_and_old_ones_are_wrong(accounts):
    user = await accounts.person("mina", VIEWER)
    here, there = await accounts.open(user), await accounts.open(user)
    await accounts.people.change_password(user.id, old=PASSWORD, new=OTHER, keep_session=here.session_id)
    assert [each.id for each in await accounts.sessions.list(user.id)] == [here.session_id]
    with pytest.raises(AndonError):
        await accounts.sessions.principal(there.secret, source=SOURCE)
    with pytest.raises(Forbidden):
        await accounts.login.check("mina", PASSWORD, source=SOURCE)
    await accounts.login.check("mina", OTHER, source=SOURCE)


@pytest.mark.asvs("6.2.1", "6.2.11")
async def test_a_weak_new_password_is_refused_with_its_faults_and_nothing_changes(accounts):
    user = await accounts.person("mina", VIEWER)
    for weak, said in (
        ("short", "15 are the least"),
        (PASSWORD, "too much like"),
        ("mina" * 5, "built on 'mina'"),
    ):
        with pytest.raises(InvalidInput, match=said):
            await accounts.people.change_password(user.id, old=PASSWORD, new=weak)
    await accounts.login.check("mina", PASSWORD, source=SOURCE)


@pytest.mark.asvs("6.2.3", "7.5.1", "6.3.4")
async def test_guessing_the_old_password_of_a_session_left_open_locks_as_signing_in_does(accounts):
    user = await accounts.person("mina", VIEWER)
    for _ in range(5):
        with pytest.raises(Forbidden, match="old password is wrong"):
            await accounts.people.change_password(user.id, old="wrong", new=OTHER)
    with pytest.raises(Forbidden, match="too many"):
        await accounts.people.change_password(user.id, old=PASSWORD, new=OTHER)
    told = [each.event.kind for each in (await accounts.records())[1:]]
    assert told == ["access.login-failed"] * 4 + ["access.locked-out"]


@pytest.mark.asvs("6.3.1")
@pytest.mark.part11("11.300(d)")
async def test_where_accounts_lock_for_good_guessing_the_old_password_does_too(any_database, tmp_path):
    accounts = Accounts(any_database, tmp_path, demands=Demands(PROFILES["annex11-draft"]))
    word = "Nine Herons, 7 reeds & 1 tide"
    user = await accounts.person("mina", VIEWER, password=word)
    for _ in range(5):
        with pytest.raises(Forbidden, match="old password is wrong"):
            await accounts.people.change_password(user.id, old="wrong", new=OTHER)
    accounts.clock.advance(timedelta(days=2))
    with pytest.raises(Forbidden, match="too many"):
        await accounts.people.change_password(user.id, old=word, new=OTHER)
    accounts.close()


@pytest.mark.asvs("6.4.3")
@pytest.mark.part11("11.200(a)(3)", "11.300(c)")
async def test_a_reset_gives_a_password_for_once_and_ends_sessions(accounts):
    user = await accounts.person("mina", VIEWER)
    session = await accounts.open(user)
    once = await accounts.people.reset_password(user.id, actor="setup", reason="forgotten")
    with pytest.raises(AndonError):
        await accounts.sessions.principal(session.secret, source=SOURCE)
    found, _ = await accounts.login.check("mina", once, source=SOURCE)
    with pytest.raises(Forbidden, match="must be changed"):
        await accounts.open(found)
    await accounts.people.change_password(user.id, old=once, new=OTHER)
    assert await accounts.open(await accounts.people.get(user.id))
    assert (await accounts.records("access.password-reset"))[0].event.severity is Severity.WARNING


@pytest.mark.asvs("6.2.10")
@pytest.mark.part11("11.300(b)")
async def test_part_11_keeps_a_history_and_lets_passwords_age(any_database, tmp_path):
    accounts = Accounts(any_database, tmp_path, demands=Demands(PROFILES["part11"]))
    words = (
        "Quiet",
        "Stone",
        "River",
        "Cloud",
        "Maple",
        "Tower",
        "Ferry",
        "Amber",
        "Candle",
        "Violet",
        "Harbor",
    )
    first = "Lonely Kettle 7"
    user = await accounts.person("mina", VIEWER, password=first)
    old = first
    for word in words[:10]:
        await accounts.people.change_password(user.id, old=old, new=f"{word} against 93 owls")
        old = f"{word} against 93 owls"
    with pytest.raises(InvalidInput, match="one of the last 10"):
        await accounts.people.change_password(user.id, old=old, new=first)
    await accounts.people.change_password(user.id, old=old, new="Harbor against 93 owls")
    await accounts.people.change_password(user.id, old="Harbor against 93 owls", new=first)
    session = await accounts.sessions.open(
        await accounts.people.get(user.id), kind="browser", source=SOURCE, agent="", method="password"
    )
    assert not (await accounts.sessions.principal(session.secret, source=SOURCE)).must_change_password
    accounts.clock.advance(timedelta(days=90))
    assert (await accounts.login.check("mina", first, source=SOURCE))[0].must_change_password
    accounts.close()


@pytest.mark.asvs("14.2.4", "16.2.5")
async def test_no_password_hash_or_token_is_in_a_record_a_log_or_an_error(accounts, caplog):
    caplog.set_level(logging.DEBUG)
    canary, errors = "canary sings over the lake", []
    user = await accounts.person("mina", ADMIN, password=canary)
    session = await accounts.open(user)
    terminal = await accounts.open(user, "terminal")
    bearer = await accounts.sessions.bearer(terminal.refresh)
    _, token = await accounts.tokens.create(
        "ci", owner=user, grants=[VIEWER], expires_in=timedelta(days=1), actor="mina", reason="ci"
    )
    once = await accounts.people.reset_password(user.id, actor="setup", reason="forgotten")
    for attempt in (
        accounts.login.check("mina", canary, source=SOURCE),
        accounts.login.check(canary, "x", source=SOURCE),
        accounts.people.change_password(user.id, old=once, new=canary[:10]),
        accounts.sessions.principal(session.secret, source=SOURCE),
        accounts.sessions.bearer(terminal.refresh),
        accounts.tokens.principal(token + "x", source=SOURCE),
        accounts.devices.look("BCDF-GHJK"),
    ):
        with pytest.raises(AndonError) as caught:
            await attempt
        errors.append(f"{caught.value} {caught.value.hint} {caught.value.needs}")
    account = await accounts.store.get(user.id)
    records = json.dumps(
        [
            [each.event.reason, each.event.subject, each.event.before, each.event.after]
            for each in await accounts.records()
        ]
    )
    assert len(await accounts.records()) >= 7
    logged = "".join(each.getMessage() for each in caplog.records if each.name.startswith("andon"))
    secrets = (canary, once, session.secret, session.csrf, terminal.refresh, bearer.access_token, token)
    for secret in (*secrets, account.password_hash, "$argon2"):
        assert secret not in records
        assert secret not in "".join(errors)
        assert secret not in logged
        assert secret not in repr(account)


@pytest.mark.part11("11.200(a)(3)", "11.200(a)(2)")
async def test_who_resets_a_password_cannot_let_the_account_sign_alone(accounts, principal_of):
    root = await principal_of("root", ADMIN)
    mina = await accounts.person("mina", Grant("approver"))
    once = await accounts.people.reset_password(mina.id, actor=root, reason="forgotten")
    await accounts.people.change_password(mina.id, old=once, new=OTHER)
    found, _ = await accounts.login.check("mina", OTHER, source=SOURCE)
    assert found.signing_suspended_by == "root"
    as_mina = await accounts.sessions.principal((await accounts.open(found)).secret, source=SOURCE)
    _, text = await token(accounts, root.user_id, ADMIN)
    for nobody_else, code in (
        (root, "not-independent"),
        (as_mina, "not-independent"),
        (await accounts.tokens.principal(text, source=SOURCE), "token-cannot-confirm"),
        (await principal_of("viewer", VIEWER), "forbidden"),
        (await principal_of("tester", Grant("admin", Scope("staging", "mes", "l1"))), "forbidden"),
    ):
        assert await refused(accounts.people.confirm(mina.id, actor=nobody_else, reason="try")) == code
    assert await accounts.records("access.identity-confirmed") == []

    confirmed = await accounts.people.confirm(
        mina.id, actor=await principal_of("ines", Grant("approver")), reason="she came to my desk"
    )
    assert confirmed.signing_suspended_by == ""
    assert (await accounts.login.check("mina", OTHER, source=SOURCE))[0].signing_suspended_by == ""
    (record,) = await accounts.records("access.identity-confirmed")
    assert (record.event.actor, record.event.reason) == ("ines", "she came to my desk")
    assert record.event.before == {"signing_suspended_by": "root"}
    again = accounts.people.confirm(mina.id, actor=await principal_of("juno", ADMIN), reason="again")
    with pytest.raises(Conflict):
        await again


@pytest.mark.part11("11.200(a)(3)")
async def test_two_accounts_that_one_person_reset_do_not_confirm_each_other(accounts, principal_of):
    root = await principal_of("root", ADMIN)
    masks = {}
    for login in ("mina", "ines"):
        user = await accounts.person(login, Grant("approver"))
        once = await accounts.people.reset_password(user.id, actor=root, reason="forgotten")
        await accounts.people.change_password(user.id, old=once, new=OTHER)
        opened = await accounts.open(await accounts.people.get(user.id))
        masks[login] = await accounts.sessions.principal(opened.secret, source=SOURCE)
    attempt = accounts.people.confirm(masks["mina"].user_id, actor=masks["ines"], reason="try")
    assert await refused(attempt) == "signing-suspended"


@pytest.mark.part11("11.200(a)(3)")
async def test_who_made_the_machine_that_reset_a_password_is_not_somebody_else(accounts, principal_of):
    root = await principal_of("root", ADMIN)
    mina = await accounts.person("mina", Grant("approver"))
    _, text = await token(accounts, None, ADMIN, actor=root)
    machine = await accounts.tokens.principal(text, source=SOURCE)
    await accounts.people.reset_password(mina.id, actor=machine, reason="forgotten")
    assert (await accounts.people.get(mina.id)).signing_suspended_by == "root"
    assert await refused(accounts.people.confirm(mina.id, actor=root, reason="try")) == "not-independent"


async def test_a_new_account_and_an_own_change_of_password_suspend_no_signing(accounts):
    mina = await accounts.person("mina", VIEWER)
    await accounts.people.change_password(mina.id, old=PASSWORD, new=OTHER)
    assert (await accounts.people.get(mina.id)).signing_suspended_by == ""


@pytest.mark.part11("11.300(c)")
async def test_a_reset_revokes_the_persons_tokens_and_says_so(accounts):
    mina = await accounts.person("mina", VIEWER)
    _, before = await token(accounts, mina.id, VIEWER)
    once = await accounts.people.reset_password(mina.id, actor="setup", reason="lost the laptop")
    record = (await accounts.records("access.password-reset"))[0].event
    assert record.after["tokens_revoked"] == 1
    await accounts.people.change_password(mina.id, old=once, new=OTHER)
    with pytest.raises(Unauthenticated, match="was revoked"):
        await accounts.tokens.principal(before, source=SOURCE)


@pytest.mark.part11("11.300(c)")
async def test_a_token_is_refused_while_its_owner_must_change_the_password(accounts):
    mina = await accounts.person("mina", VIEWER)
    once = await accounts.people.reset_password(mina.id, actor="setup", reason="forgotten")
    _, text = await token(accounts, mina.id, VIEWER)  # made since, by an administrator
    with pytest.raises(Unauthenticated) as caught:
        await accounts.tokens.principal(text, source=SOURCE)
    assert caught.value.code == "token-owner-password"
    await accounts.people.change_password(mina.id, old=once, new=OTHER)
    assert (await accounts.tokens.principal(text, source=SOURCE)).user_id == mina.id


@pytest.fixture
def principal_of(accounts):
    async def signed_in(login, *grants):
        opened = await accounts.open(await accounts.person(login, *grants))
        return await accounts.sessions.principal(opened.secret, source=SOURCE)

    return signed_in


async def token(accounts, owner_id, *grants, actor="setup"):
    owner = await accounts.people.get(owner_id) if owner_id else None
    return await accounts.tokens.create(
        "ci", owner=owner, grants=grants, expires_in=timedelta(days=9), actor=actor, reason="for the build"
    )


async def refused(attempt):
    with pytest.raises(Forbidden) as caught:
        await attempt
    return caught.value.code
