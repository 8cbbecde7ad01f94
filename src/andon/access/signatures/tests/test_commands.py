"""Signing: who may, with what, and when the login is asked for again."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from andon.access.model import Principal, PrincipalKind, Source, User
from andon.access.people.model import Purpose
from andon.access.policies.model import Policy
from andon.access.signatures.commands import Given, Signing, is_required
from andon.access.signatures.model import Action, Document, Meaning, Standing
from andon.access.signatures.store import SignatureStore, append
from andon.kernel.clock import ManualClock
from andon.kernel.errors import Forbidden, InvalidInput, NotFound
from andon.store.engine import Database
from andon.testing.signing import Set, a_sealer
from andon.timeline.records import Severity
from andon.timeline.store import Filter, TimelineStore

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOCUMENT = Document(Action.ABORT, "rollout/ro-1", {"unit": "mes", "environment": "production"})
LEE = User("us-lee", "lee", "Lee Min-ji", Source.LOCAL, (), AT)
ROOT = User("us-root", "root", "Root", Source.LOCAL, (), AT)
PERSON = Principal(PrincipalKind.PERSON, "lee", "Lee Min-ji", (), user_id="us-lee", session="se-1")


@dataclass
class Door:
    """The one place where a password is checked; it counts how often it was asked."""

    users: dict[str, User] = field(default_factory=lambda: {"lee": LEE, "root": ROOT})
    asked: list[tuple[str, str]] = field(default_factory=list)
    purposes: list[Purpose] = field(default_factory=list)

    async def check(
        self, login: str, password: str, *, source: str, purpose: Purpose = Purpose.SIGN_IN
    ) -> tuple[User, str]:
        self.asked.append((login, source))
        self.purposes.append(purpose)
        if password != f"{login}'s secret":
            raise Forbidden("bad-credentials", "login or password is wrong")
        return self.users[login], "password"


@dataclass
class Desk:
    database: Database
    door: Door = field(default_factory=Door)
    clock: ManualClock = field(default_factory=lambda: ManualClock(AT))

    def __post_init__(self) -> None:
        store = SignatureStore(self.database)
        self.signing = Signing(store, a_sealer(), self.door, Set(), self.clock)

    async def sign(self, principal: Principal = PERSON, **given: Any) -> Any:
        brought = {"login": "lee", "password": "lee's secret", "meaning": Meaning.APPROVED, "reason": " yes "}
        return await self.signing.sign(principal, DOCUMENT, Given(**(brought | given)), source="10.0.0.7")


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.mark.part11("11.50(a)")
async def test_a_signature_says_who_when_in_what_meaning_and_why(desk: Desk) -> None:
    made = await desk.sign()
    assert (made.signer_id, made.signer, made.display_name) == ("us-lee", "lee", "Lee Min-ji")
    assert (made.meaning, made.reason, made.at, made.method) == (Meaning.APPROVED, "yes", AT, "password")
    assert (made.document, made.document_hash) == (DOCUMENT, DOCUMENT.hash)
    assert await desk.signing.standing(made, DOCUMENT) is Standing.VALID
    assert desk.door.asked == [("lee", "10.0.0.7")]
    with pytest.raises(NotFound):
        await desk.signing.get(made.id)  # it is stored with the change that it signs, and not before


@pytest.mark.part11("11.200(a)(1)")
async def test_login_and_password_at_first_and_the_password_alone_while_it_is_fresh(desk: Desk) -> None:
    assert desk.signing.needs_login(PERSON)
    with pytest.raises(Forbidden, match="needs login and password") as caught:
        await desk.sign(login="")
    assert (caught.value.code, caught.value.needs) == ("signature-login-required", {"login": True})
    assert desk.door.asked == []
    await desk.sign()
    for _ in range(2):  # each signing begins the ten minutes anew
        desk.clock.advance(timedelta(minutes=9))
        assert not desk.signing.needs_login(PERSON)
        await desk.sign(login="")
    desk.clock.advance(timedelta(minutes=10))
    assert desk.signing.needs_login(PERSON)
    with pytest.raises(Forbidden, match="needs login"):
        await desk.sign(login="")


@pytest.mark.part11("11.200(a)(1)")
async def test_another_session_or_a_restart_asks_for_all_again(desk: Desk) -> None:
    await desk.sign()
    assert desk.signing.needs_login(replace(PERSON, session="se-2"))
    assert Desk(desk.database).signing.needs_login(PERSON)


async def test_a_failed_signing_freshens_nothing(desk: Desk) -> None:
    for given in ({"password": "wrong"}, {"login": "root", "password": "root's secret"}):
        with pytest.raises(Forbidden):
            await desk.sign(**given)
        assert desk.signing.needs_login(PERSON)


async def test_the_password_is_asked_for_at_every_signing(desk: Desk) -> None:
    await desk.sign()
    with pytest.raises(Forbidden) as caught:
        await desk.sign(login="", password="")
    assert caught.value.code == "bad-credentials"
    assert len(desk.door.asked) == 2  # so lockout counts it


@pytest.mark.asvs("16.3.3")
@pytest.mark.part11("11.200(a)(2)", "11.300(d)")
async def test_nobody_signs_with_another_persons_account_and_the_attempt_is_an_alert(desk: Desk) -> None:
    with pytest.raises(Forbidden, match="as oneself only") as caught:
        await desk.sign(login="root", password="root's secret")
    assert caught.value.code == "not-the-signer"
    event = (await TimelineStore(desk.database).list(Filter(kind="signature.refused")))[0].event
    assert (event.actor, event.subject, event.severity) == ("lee", "rollout/ro-1", Severity.ALERT)
    assert event.reason == "lee tried to sign with the account of root"
    assert (event.unit, event.environment) == ("mes", "production")


@pytest.mark.part11("11.200(a)(2)")
async def test_an_administrator_cannot_sign_as_another_without_their_password(desk: Desk) -> None:
    root = replace(PERSON, name="root", user_id="us-root", session="se-9")
    with pytest.raises(Forbidden, match="as oneself only"):
        await desk.sign(root)  # even with the right password of lee
    with pytest.raises(Forbidden, match="wrong"):
        await desk.sign(root, password="root's secret")


@pytest.mark.part11("11.200(a)(2)")
@pytest.mark.parametrize(
    "principal",
    [replace(PERSON, kind=PrincipalKind.TOKEN), replace(PERSON, user_id="")],
    ids=["token", "nobody"],
)
async def test_a_token_never_signs(desk: Desk, principal: Principal) -> None:
    with pytest.raises(Forbidden) as caught:
        await desk.sign(principal)
    assert caught.value.code == "token-cannot-sign"
    assert desk.door.asked == []


@pytest.mark.part11("11.200(a)(3)")
async def test_a_one_time_password_signs_nothing(desk: Desk) -> None:
    with pytest.raises(Forbidden, match="somebody else has known"):
        await desk.sign(replace(PERSON, must_change_password=True))
    assert desk.door.asked == []
    desk.door.users["lee"] = replace(LEE, must_change_password=True)  # it was reset since the session began
    with pytest.raises(Forbidden) as caught:
        await desk.sign()
    assert caught.value.code == "password-change-required"


@pytest.mark.part11("11.100(a)")
async def test_the_break_glass_account_takes_back_and_lets_nothing_go_on(desk: Desk) -> None:
    desk.door.users["lee"] = replace(LEE, is_break_glass=True)
    let_go = replace(DOCUMENT, action=Action.PROMOTE)
    given = Given(login="lee", password="lee's secret", meaning=Meaning.RESPONSIBLE, reason="directory down")
    with pytest.raises(Forbidden) as caught:
        await desk.signing.sign(PERSON, let_go, given, source="10.0.0.7")
    assert caught.value.code == "nobodys-signature"
    taken_back = replace(DOCUMENT, action=Action.ABORT)
    assert (await desk.signing.sign(PERSON, taken_back, given, source="10.0.0.7")).signer == "lee"


async def test_only_the_own_login_is_counted_as_signing_and_anothers_as_a_sign_in(desk: Desk) -> None:
    await desk.sign()
    await desk.sign(login="")
    with pytest.raises(Forbidden):
        await desk.sign(login="root", password="a guess")
    assert desk.door.purposes == [Purpose.SIGN, Purpose.SIGN, Purpose.SIGN_IN]


@pytest.mark.part11("11.200(a)(3)")
async def test_an_account_that_was_reset_signs_nothing_until_somebody_else_has_confirmed_it(
    desk: Desk,
) -> None:
    desk.door.users["lee"] = replace(LEE, signing_suspended_by="root")
    with pytest.raises(Forbidden, match="reset by root") as caught:
        await desk.sign()
    assert caught.value.code == "signing-suspended"
    assert "andon users confirm lee" in caught.value.hint
    desk.door.users["lee"] = LEE
    assert (await desk.sign()).signer == "lee"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
async def test_a_signature_needs_a_reason_of_a_bearable_length(desk: Desk, reason: str) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        await desk.sign(reason=reason)
    assert desk.door.asked == []


async def test_what_has_to_be_signed_follows_the_policy_and_everywhere_is_production() -> None:
    staging = Policy("staging", signed=frozenset({Action.ABORT}))
    plant = Policy("plant", is_production=True, signed=frozenset({Action.RELEASE_CORD}))
    demands = Set({"staging": staging, "plant": plant})
    assert await is_required(demands, Action.ABORT, "staging")
    assert not await is_required(demands, Action.PROMOTE, "staging")
    assert not await is_required(demands, Action.ABORT, None)
    assert await is_required(demands, Action.RELEASE_CORD, None)
    assert not await is_required(demands, Action.RELEASE_CORD, "development")


async def test_signing_asks_the_policy(desk: Desk) -> None:
    assert not await desk.signing.required(Action.ABORT, "staging")


async def test_stored_signatures_are_read_with_what_they_are_worth(desk: Desk) -> None:
    made, forged = await desk.sign(), replace(await desk.sign(), reason="another")
    async with desk.database.transaction() as tx:
        for each in (made, forged):
            await append(tx, each, AT)
    assert await desk.signing.get(made.id) == (made, Standing.VALID)
    found = {each.id: standing for each, standing in await desk.signing.list("rollout/ro-1")}
    assert found == {made.id: Standing.VALID, forged.id: Standing.FORGED}
