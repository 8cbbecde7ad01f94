"""Sessions, device sign-ins and tokens on both databases."""

import asyncio
from datetime import timedelta

import pytest

from andon.access.model import Grant, Permission, Place, PrincipalKind, Scope
from andon.access.rights import permitted
from andon.access.tokens.model import PATTERN
from andon.kernel.errors import (
    AndonError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Throttled,
    Unauthenticated,
)
from andon.kernel.redaction import clean
from andon.testing.accounts import PASSWORD, SOURCE, Accounts
from andon.timeline import origin
from andon.timeline.origin import Origin
from andon.timeline.records import Severity

VIEWER, ENGINEER = Grant("viewer"), Grant("engineer")


@pytest.fixture
async def accounts(any_database, tmp_path):
    made = Accounts(any_database, tmp_path)
    yield made
    made.close()


@pytest.fixture
async def mina(accounts):
    return await accounts.person("mina", ENGINEER)


def use(accounts, secret):
    return accounts.sessions.principal(secret, source=SOURCE)


async def ended(attempt):
    with pytest.raises(Unauthenticated) as caught:
        await attempt
    return caught.value.code


@pytest.mark.asvs("7.2.1", "7.2.2", "16.3.1")
@pytest.mark.part11("11.10(d)")
async def test_a_session_is_its_person_with_their_rights_of_this_moment(accounts, mina):
    opened = await accounts.open(mina)
    principal = await use(accounts, opened.secret)
    assert (principal.kind, principal.name, principal.user_id) == (PrincipalKind.PERSON, "mina", mina.id)
    assert (principal.session, principal.grants, principal.may_sign) == (opened.session_id, (ENGINEER,), True)
    await accounts.people.update(mina.id, grants=[VIEWER], actor="setup", reason="moved")
    assert (await use(accounts, opened.secret)).grants == (VIEWER,)
    event = (await accounts.records("access.signed-in"))[0].event
    assert (event.subject, event.actor, event.source) == ("user/mina", "mina", SOURCE)


@pytest.mark.asvs("7.2.1", "7.2.2")
async def test_no_secret_is_nobody(accounts, mina):
    await accounts.open(mina)
    terminal = await accounts.open(mina, "terminal")
    for secret in ("", "x", "x" * 10_000, "\ud800\0", terminal.refresh):
        assert await ended(use(accounts, secret)) == "not-signed-in"


@pytest.mark.asvs("7.3.1")
@pytest.mark.part11("11.10(d)")
async def test_an_hour_without_a_request_ends_it_and_a_request_puts_that_off(accounts, mina):
    opened = await accounts.open(mina)
    for _ in range(3):
        accounts.clock.advance(timedelta(minutes=59))
        await use(accounts, opened.secret)
    accounts.clock.advance(timedelta(hours=1))
    assert await accounts.sessions.list() == []
    assert await ended(use(accounts, opened.secret)) == "session-ended"


@pytest.mark.asvs("7.3.1")
async def test_a_page_that_refreshes_itself_does_not_keep_a_session_alive(accounts, mina):
    opened = await accounts.open(mina)
    for _ in range(2):
        accounts.clock.advance(timedelta(minutes=29))
        await accounts.sessions.principal(opened.secret, source=SOURCE, is_use=False)
    accounts.clock.advance(timedelta(minutes=2))
    assert await ended(use(accounts, opened.secret)) == "session-ended"


@pytest.mark.part11("11.10(d)")
@pytest.mark.asvs("7.3.2")
async def test_twelve_hours_end_it_however_busy_it_is(accounts, mina):
    opened = await accounts.open(mina)
    for _ in range(23):
        accounts.clock.advance(timedelta(minutes=30))
        await use(accounts, opened.secret)
    accounts.clock.advance(timedelta(minutes=30))
    assert await ended(use(accounts, opened.secret)) == "session-ended"


@pytest.mark.part11("11.300(c)")
@pytest.mark.asvs("7.4.1", "7.4.5")
async def test_an_ended_session_is_refused_at_its_next_request_and_others_stand(accounts, mina):
    one, two = await accounts.open(mina), await accounts.open(mina)
    await accounts.sessions.end(one.session_id, actor="mina", reason="signed out")
    await accounts.sessions.end(one.session_id, actor="mina", reason="again")
    assert await ended(use(accounts, one.secret)) == "session-ended"
    await use(accounts, two.secret)
    assert [each.id for each in await accounts.sessions.list(mina.id)] == [two.session_id]
    assert len(await accounts.records("access.session-ended")) == 1
    with pytest.raises(NotFound):
        await accounts.sessions.end("se-nobody", actor="mina", reason="try")


async def test_all_of_a_persons_sessions_end_but_the_one_in_use(accounts, mina):
    other = await accounts.open(await accounts.person("other"))
    opened = [await accounts.open(mina, kind) for kind in ("browser", "browser", "terminal")]
    keep = opened[0].session_id
    assert await accounts.sessions.end_all_of(mina.id, actor="mina", reason="lost", keep_session=keep) == 2
    assert {each.id for each in await accounts.sessions.list()} == {keep, other.session_id}


@pytest.mark.asvs("7.4.2")
@pytest.mark.part11("11.300(c)")
async def test_a_disabled_person_has_no_session_and_gets_none(accounts, mina):
    opened, terminal = await accounts.open(mina), await accounts.open(mina, "terminal")
    bearer = await accounts.sessions.bearer(terminal.refresh)
    await accounts.people.update(mina.id, is_disabled=True, actor="setup", reason="left")
    for attempt in (
        use(accounts, opened.secret),
        accounts.sessions.principal_of_bearer(bearer.access_token),
        accounts.sessions.bearer(bearer.refresh_token),
    ):
        assert await ended(attempt) == "session-ended"
    with pytest.raises(Forbidden):
        await accounts.open(mina)
    await accounts.people.update(mina.id, is_disabled=False, actor="setup", reason="back")
    assert await ended(use(accounts, opened.secret)) == "session-ended"


async def test_the_csrf_value_belongs_to_one_session(accounts, mina):
    one, two = await accounts.open(mina), await accounts.open(mina)
    assert await accounts.sessions.csrf_of(one.secret) == one.csrf
    assert len({one.csrf, two.csrf, one.secret, two.secret}) == 4


@pytest.mark.asvs("9.2.1")
async def test_a_terminal_trades_its_refresh_token_for_a_short_access_token(accounts, mina):
    opened = await accounts.open(mina, "terminal")
    bearer = await accounts.sessions.bearer(opened.refresh)
    principal = await accounts.sessions.principal_of_bearer(bearer.access_token)
    assert (principal.name, principal.session) == ("mina", opened.session_id)
    assert bearer.expires_in == timedelta(minutes=15)
    accounts.clock.advance(timedelta(minutes=15))
    assert await ended(accounts.sessions.principal_of_bearer(bearer.access_token)) == "token-expired"
    again = await accounts.sessions.bearer(bearer.refresh_token)
    await accounts.sessions.principal_of_bearer(again.access_token)
    assert opened.secret == ""


@pytest.mark.asvs("7.4.1")
async def test_an_access_token_ends_with_its_session(accounts, mina):
    opened = await accounts.open(mina, "terminal")
    bearer = await accounts.sessions.bearer(opened.refresh)
    await accounts.sessions.end(opened.session_id, actor="boss", reason="lost laptop")
    assert await ended(accounts.sessions.principal_of_bearer(bearer.access_token)) == "session-ended"


@pytest.mark.asvs("10.4.5", "16.3.3")
async def test_a_refresh_token_used_twice_was_stolen_and_ends_the_session(accounts, mina):
    opened = await accounts.open(mina, "terminal")
    bearer = await accounts.sessions.bearer(opened.refresh)
    accounts.clock.advance(timedelta(seconds=10))
    assert await ended(accounts.sessions.bearer(opened.refresh)) == "session-ended"
    assert await ended(accounts.sessions.bearer(bearer.refresh_token)) == "session-ended"
    assert await ended(accounts.sessions.principal_of_bearer(bearer.access_token)) == "session-ended"
    assert (await accounts.records("access.refresh-reused"))[0].event.severity is Severity.ALERT


async def test_of_two_refreshes_at_once_one_wins_and_the_session_stands(accounts, mina):
    opened = await accounts.open(mina, "terminal")
    done = await asyncio.gather(
        *(accounts.sessions.bearer(opened.refresh) for _ in range(4)), return_exceptions=True
    )
    won = [each for each in done if not isinstance(each, Exception)]
    assert len(won) == 1
    assert [each.code for each in done if isinstance(each, Conflict)] == ["already-refreshed"] * 3
    await accounts.sessions.bearer(won[0].refresh_token)


async def test_what_a_program_keeps_is_masked_wherever_it_turns_up(accounts, mina):
    for _ in range(5):
        terminal = await accounts.open(mina, "terminal")
        device = await accounts.devices.begin(source="", agent="")
        _, token = await make(accounts, mina)
        for secret in (terminal.refresh, device.device_code, token):
            assert secret[10:] not in clean(f"refused {secret} of mina")


async def test_sessions_that_ended_long_ago_are_removed(accounts, mina):
    opened = await accounts.open(mina)
    await accounts.open(mina, "terminal")
    accounts.clock.advance(timedelta(days=8))
    now = await accounts.open(mina)
    await accounts.sessions.tick()
    assert await accounts.sessions.find(opened.session_id) is None
    await use(accounts, now.secret)


async def begun(accounts, mina):
    principal = await use(accounts, (await accounts.open(mina)).secret)
    return await accounts.devices.begin(source="10.1.0.9", agent="andon/1.0\x1b[31m"), principal


async def polled(accounts, code):
    with pytest.raises(Conflict) as caught:
        await accounts.devices.poll(code, source="10.1.0.9")
    return caught.value.code


@pytest.mark.asvs("6.5.1", "6.6.2", "10.7.1")
@pytest.mark.part11("11.10(h)")
async def test_a_terminal_is_let_in_by_a_person_who_sees_what_asks_and_only_once(accounts, mina):
    device, principal = await begun(accounts, mina)
    assert await polled(accounts, device.device_code) == "authorization-pending"
    seen = await accounts.devices.look(device.user_code.lower().replace("-", " "), principal)
    assert (seen.source, seen.agent) == ("10.1.0.9", "andon/1.0 [31m")
    await accounts.devices.approve(device.user_code, principal)
    accounts.clock.advance(timedelta(seconds=5))
    opened = await accounts.devices.poll(device.device_code, source="10.1.0.9")
    bearer = await accounts.sessions.bearer(opened.refresh)
    assert (await accounts.sessions.principal_of_bearer(bearer.access_token)).user_id == mina.id
    accounts.clock.advance(timedelta(seconds=5))
    assert await polled(accounts, device.device_code) == "expired-token"
    with pytest.raises(NotFound):
        await accounts.devices.look(device.user_code, principal)
    assert len(await accounts.records("access.device-approved")) == 1


@pytest.mark.asvs("6.5.1")
async def test_of_two_questions_at_once_one_gets_the_session(accounts, mina):
    device, principal = await begun(accounts, mina)
    await accounts.devices.approve(device.user_code, principal)
    done = await asyncio.gather(
        *(accounts.devices.poll(device.device_code, source="") for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(each, Exception) for each in done) == 1
    assert len([each for each in await accounts.sessions.list() if each.kind == "terminal"]) == 1


async def test_who_asks_too_soon_is_slowed_down(accounts, mina):
    device, _ = await begun(accounts, mina)
    assert await polled(accounts, device.device_code) == "authorization-pending"
    accounts.clock.advance(timedelta(seconds=4))
    assert await polled(accounts, device.device_code) == "slow-down"
    accounts.clock.advance(timedelta(seconds=9))
    assert await polled(accounts, device.device_code) == "slow-down"
    accounts.clock.advance(timedelta(seconds=15))
    assert await polled(accounts, device.device_code) == "authorization-pending"


@pytest.mark.asvs("6.5.5")
async def test_a_denied_or_late_or_unknown_code_opens_nothing(accounts, mina):
    device, principal = await begun(accounts, mina)
    await accounts.devices.deny(device.user_code, principal)
    with pytest.raises(Conflict, match="answered already"):
        await accounts.devices.approve(device.user_code, principal)
    assert await polled(accounts, device.device_code) == "access-denied"
    late, _ = await begun(accounts, mina)
    accounts.clock.advance(timedelta(minutes=10))
    with pytest.raises(NotFound):
        await accounts.devices.approve(late.user_code, principal)
    assert await polled(accounts, late.device_code) == "expired-token"
    assert await polled(accounts, "andon_dc_x") == "expired-token"
    accounts.clock.advance(timedelta(hours=1))
    await accounts.devices.tick()
    assert len([each for each in await accounts.sessions.list() if each.kind == "terminal"]) == 0


@pytest.mark.asvs("6.6.3")
async def test_codes_cannot_be_guessed_many_times(accounts, mina):
    device, principal = await begun(accounts, mina)
    for _ in range(5):
        with pytest.raises(NotFound):
            await accounts.devices.look("BCDF-GHJK", principal)
    with pytest.raises(Forbidden, match="too many"):
        await accounts.devices.approve(device.user_code, principal)
    accounts.clock.advance(timedelta(minutes=1))
    await accounts.devices.approve(device.user_code, principal)


async def test_a_token_lets_no_terminal_in(accounts, mina):
    device, _ = await begun(accounts, mina)
    _, text = await make(accounts, mina)
    with pytest.raises(Forbidden, match="only a person"):
        await accounts.devices.approve(device.user_code, await accounts.tokens.principal(text, source=SOURCE))


async def test_an_approval_ends_when_its_person_is_disabled_before_the_terminal_asks(accounts, mina):
    device, principal = await begun(accounts, mina)
    await accounts.devices.approve(device.user_code, principal)
    await accounts.people.update(mina.id, is_disabled=True, actor="setup", reason="left")
    assert await polled(accounts, device.device_code) == "access-denied"


@pytest.mark.asvs("7.3.2")
async def test_a_chain_of_terminals_never_outlives_the_password_that_began_it(accounts, mina):
    browser = await accounts.open(mina)
    principal = await use(accounts, browser.secret)
    for _ in range(3):
        accounts.clock.advance(timedelta(minutes=50))
        device = await accounts.devices.begin(source="10.1.0.9", agent="")
        await accounts.devices.approve(device.user_code, principal)
        opened = await accounts.devices.poll(device.device_code, source="10.1.0.9")
        assert opened.expires_at == browser.expires_at
        bearer = await accounts.sessions.bearer(opened.refresh)
        principal = await accounts.sessions.principal_of_bearer(bearer.access_token)
    late = await late_terminal(accounts, principal, browser.expires_at)
    assert await polled(accounts, late.device_code) == "expired-token"
    assert await accounts.sessions.list() == []


async def late_terminal(accounts, principal, until):
    """One that is approved a minute before the end and asks after it."""
    accounts.clock.advance(until - accounts.now() - timedelta(minutes=1))
    device = await accounts.devices.begin(source="10.1.0.9", agent="")
    await accounts.devices.approve(device.user_code, principal)
    accounts.clock.advance(timedelta(minutes=1))
    return device


@pytest.mark.asvs("2.4.1", "6.6.3")
async def test_one_address_cannot_fill_the_house_with_waiting_terminals(accounts):
    for _ in range(20):
        await accounts.devices.begin(source="10.1.0.9", agent="")
    with pytest.raises(Throttled):
        await accounts.devices.begin(source="10.1.0.9", agent="")
    device = await accounts.devices.begin(source="10.1.0.10", agent="")
    assert not set(device.user_code) & set("AEIOU01")


async def test_an_ipv6_machine_is_one_address_whichever_it_takes(accounts):
    for number in range(1, 21):
        await accounts.devices.begin(source=f"2001:db8::{number:x}", agent="")
    with pytest.raises(Throttled):
        await accounts.devices.begin(source="2001:db8::ffff:1", agent="")
    await accounts.devices.begin(source="2001:db8:0:1::1", agent="")


async def make(accounts, owner, *grants, name="ci", days=30, actor="setup"):
    return await accounts.tokens.create(
        name,
        owner=owner,
        grants=grants or (VIEWER,),
        expires_in=timedelta(days=days),
        actor=actor,
        reason="for the build",
    )


async def test_a_personal_token_gives_what_both_it_and_its_owner_have_at_that_moment(accounts, mina):
    token, text = await make(accounts, mina, Grant("admin", Scope("staging")))
    assert PATTERN.fullmatch(text)
    assert text.startswith("andon_pat_")
    principal = await accounts.tokens.principal(text, source=SOURCE)
    assert (principal.kind, principal.name, principal.session) == (PrincipalKind.TOKEN, "mina", token.id)
    assert not principal.may_sign
    staging, production = Place("staging"), Place("production")
    assert permitted(principal, Permission.DEPLOY, staging).is_allowed
    assert not permitted(principal, Permission.CONTROL, production).is_allowed
    assert not permitted(principal, Permission.SECRETS_MANAGE, staging).is_allowed
    await accounts.people.update(mina.id, grants=[VIEWER], actor="setup", reason="moved")
    fewer = await accounts.tokens.principal(text, source=SOURCE)
    assert not permitted(fewer, Permission.DEPLOY, staging).is_allowed


@pytest.mark.part11("11.100(a)")
async def test_a_machine_token_has_a_name_of_its_own_which_is_never_given_again(accounts):
    token, text = await make(accounts, None, ENGINEER)
    assert text.startswith("andon_mat_")
    principal = await accounts.tokens.principal(text, source=SOURCE)
    assert (principal.name, principal.user_id, principal.limits) == ("token:ci", "", None)
    assert permitted(principal, Permission.DEPLOY, Place("staging")).is_allowed
    await accounts.tokens.revoke(token.id, actor="setup", reason="leaked")
    with pytest.raises(Conflict):
        await make(accounts, None, ENGINEER)


@pytest.mark.asvs("10.4.9")
@pytest.mark.part11("11.300(c)")
async def test_a_token_ends_by_time_by_hand_and_with_its_owner(accounts, mina):
    _, late = await make(accounts, mina, days=1)
    revoked, text = await make(accounts, mina)
    _, owned = await make(accounts, mina)
    await accounts.tokens.revoke(revoked.id, actor="mina", reason="leaked")
    await accounts.tokens.revoke(revoked.id, actor="mina", reason="again")
    assert await ended(accounts.tokens.principal(text, source=SOURCE)) == "token-ended"
    accounts.clock.advance(timedelta(days=1))
    assert await ended(accounts.tokens.principal(late, source=SOURCE)) == "token-ended"
    await accounts.tokens.principal(owned, source=SOURCE)
    await accounts.people.update(mina.id, is_disabled=True, actor="setup", reason="left")
    await accounts.people.update(mina.id, is_disabled=False, actor="setup", reason="back")
    assert await ended(accounts.tokens.principal(owned, source=SOURCE)) == "token-ended"
    assert len(await accounts.records("access.token-revoked")) == 1


async def test_the_last_use_is_noted_with_its_address(accounts, mina):
    token, text = await make(accounts, mina)
    await accounts.tokens.principal(text, source=SOURCE)
    first = accounts.now()
    accounts.clock.advance(timedelta(seconds=59))
    await accounts.tokens.principal(text, source=SOURCE)
    assert (await accounts.tokens.get(token.id)).last_used_at == first
    await accounts.tokens.principal(text, source="10.9.9.9")
    seen = (await accounts.tokens.list(mina.id))[0]
    assert (seen.last_used_at, seen.last_used_source) == (accounts.now(), "10.9.9.9")
    assert await accounts.tokens.list() == []


@pytest.mark.asvs("2.3.2")
async def test_what_a_token_must_have_is_demanded(accounts, mina):
    for days in (0, -1, 367):
        with pytest.raises(InvalidInput, match="366 days"):
            await make(accounts, mina, days=days)
    for name in ("", " ", "x" * 65, "a\x00b"):
        with pytest.raises(InvalidInput, match="token name"):
            await make(accounts, mina, name=name)
    for owner in (mina, None):
        with pytest.raises(InvalidInput, match="names no role"):
            await make(accounts, owner, Grant("nobody"))
    with pytest.raises(InvalidInput, match="without a role"):
        await accounts.tokens.create(
            "ci", owner=mina, grants=(), expires_in=timedelta(days=1), actor="mina", reason="x"
        )
    assert await accounts.tokens.list(mina.id) == []


async def test_nobody_gives_a_machine_more_than_they_have(accounts, mina):
    with pytest.raises(Forbidden, match="takes rights"):
        await make(accounts, None, Grant("admin"), actor="mina")
    with pytest.raises(Forbidden, match="takes rights"):
        await make(accounts, None, VIEWER, actor="token:unknown")
    await make(accounts, None, ENGINEER, name="small", actor="mina")
    with pytest.raises(Forbidden, match="takes rights"):
        await make(accounts, None, Grant("approver"), actor="token:small")


async def test_other_text_is_no_token(accounts, mina):
    _, text = await make(accounts, mina)
    for wrong in ("", "x", text[:-1], text + "0", text.swapcase(), "\ud800"):
        assert await ended(accounts.tokens.principal(wrong, source=SOURCE)) == "bad-token"


async def test_the_address_of_a_request_counts_where_a_session_guesses(accounts, mina):
    with origin.coming_from(Origin(source=SOURCE)):
        for number in range(6):
            person = await accounts.person(f"person{number}")
            for _ in range(5):
                with pytest.raises(Forbidden):
                    await accounts.people.change_password(person.id, old="wrong", new="another one")
        with pytest.raises(AndonError, match="too many"):
            await accounts.people.change_password(mina.id, old=PASSWORD, new="seven boats cross the bay")


@pytest.mark.part11("11.10(g)")
async def test_the_maker_of_a_machine_is_known_also_when_it_ended_or_another_machine_made_it(accounts, mina):
    view, _ = await make(accounts, None, VIEWER, name="ci", actor="mina")
    await make(accounts, None, VIEWER, name="nightly", actor="token:ci")
    await make(accounts, mina, VIEWER, name="personal", actor="mina")
    await accounts.tokens.revoke(view.id, actor="setup", reason="over")
    assert await accounts.tokens.maker_of("ci") == "mina"
    assert await accounts.tokens.maker_of("nightly") == "mina"
    assert await accounts.tokens.maker_of("personal") is None
    assert await accounts.tokens.maker_of("unknown") is None
