"""People sign in: what lets them in, what locks them out, and what an attacker cannot do."""

import base64
import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import pytest_asyncio
from andon_mes.access.people.decide import Lockout, check_password, check_username
from andon_mes.access.people.limits import Limit
from andon_mes.access.tokens import Claims, SecretError, Tokens
from andon_mes.api.origin import Proxies, is_own_page
from andon_mes.kernel.clock import ManualClock
from andon_mes.kernel.errors import InvalidInput, TooMany, Unidentified

PASSWORD = "coffee under grey rain"  # pragma: allowlist secret
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
NOW = datetime(2025, 11, 10, 3, tzinfo=UTC)
LOCKED = timedelta(minutes=15)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(template, tmp_path_factory, run_instance):
    """One instance with Kim of quality, for tests that leave nothing behind."""
    path = shutil.copy(template, tmp_path_factory.mktemp("sign-in") / "mes.db")
    async with run_instance(path) as plant:
        yield plant, await plant.user("kim", "quality")


@pytest.fixture
async def kim(plant):
    """Kim of quality, signed in."""
    return await plant.user("kim", "quality")


def token_of(person):
    return person.client.headers["Authorization"].removeprefix("Bearer ")


async def test_a_one_time_password_lets_nobody_work_until_it_is_changed(plant):
    made = await plant.post("/api/v1/users", {"username": "kim", "full_name": "Kim", "role": "SUPERVISOR"})
    assert (made.status_code, made.json()["data"]["role"]) == (201, "line_lead")
    once = made.json()["data"]["one_time_password"]
    first = await plant.sign_in("kim", once)
    weak = await plant.sign_in("kim", once, new_password="kim kim kim kim")  # pragma: allowlist secret
    same = await plant.sign_in("kim", once, new_password=once)
    changed = await plant.sign_in("kim", once, new_password=PASSWORD)
    codes = [each.json().get("code") for each in (first, weak, same, changed)]
    assert codes == ["PASSWORD_CHANGE_REQUIRED", "PASSWORD_WEAK", "PASSWORD_WEAK", None]
    assert [each.status_code for each in (first, weak, same, changed)] == [403, 422, 422, 200]
    assert (await plant.sign_in("kim", once)).status_code == 401
    assert (await plant.sign_in("KIM", PASSWORD)).status_code == 200


async def test_a_token_opens_nothing_but_the_change_while_the_password_must_be_changed(
    plant, kim, database_path
):
    with sqlite3.connect(database_path) as connection:
        connection.execute("update users set must_change_password = 1")
    plant.clock.advance(timedelta(seconds=30))
    refused = await kim.get("/api/v1/lots")
    assert (refused.status_code, refused.json()["code"]) == (403, "PASSWORD_CHANGE_REQUIRED")
    assert (await kim.get("/api/v1/auth/me")).json()["data"]["must_change_password"] is True


async def test_who_signed_in_is_known_with_their_rights_for_an_hour(plant, kim):
    said = (await kim.get("/api/v1/auth/me")).json()["data"]
    assert (said["kind"], said["name"], said["role"]) == ("user", "kim", "quality")
    assert "spc:update" in said["permissions"]
    plant.clock.advance(timedelta(minutes=59))
    assert (await kim.get("/api/v1/auth/me")).status_code == 200
    plant.clock.advance(timedelta(minutes=1))
    over = await kim.get("/api/v1/auth/me")
    assert (over.status_code, over.json()["code"]) == (401, "TOKEN_EXPIRED")


async def test_a_wrong_name_is_answered_as_a_wrong_password(plant, kim):
    wrong = await plant.sign_in("kim", "no such password")
    unknown = await plant.sign_in("nobody", "no such password")
    assert wrong.content == unknown.content
    assert (wrong.status_code, wrong.json()["code"]) == (401, "SIGN_IN_REFUSED")


async def test_a_wrong_name_costs_the_disk_and_the_hash_as_much(plant, kim, database_path):
    """What takes time is one write and one hash; both are done for a name that nobody has."""
    await plant.sign_in("nobody", "no such password")
    with sqlite3.connect(database_path) as connection:
        counted = connection.execute("select value from counters where name like 'sign-ins%'").fetchone()
    assert counted == (1,)


async def test_five_wrong_passwords_lock_a_name_for_a_time_that_grows(plant, kim):
    for _ in range(5):
        assert (await plant.sign_in("kim", "wrong")).status_code == 401
    assert (await plant.sign_in("kim", PASSWORD)).status_code == 401, "locked, and no word of it"
    plant.clock.advance(LOCKED)
    assert (await plant.sign_in("kim", "wrong")).status_code == 401
    plant.clock.advance(LOCKED)
    assert (await plant.sign_in("kim", PASSWORD)).status_code == 401, "the sixth locks for twice as long"
    plant.clock.advance(LOCKED)
    assert (await plant.sign_in("kim", PASSWORD)).status_code == 200


async def test_an_administrator_unlocks_a_name(plant, kim):
    for _ in range(5):
        await plant.sign_in("kim", "wrong")
    answer = await plant.patch("/api/v1/users/kim", {"unlock": True})
    assert answer.json()["data"]["failed_attempts"] == 0
    assert (await plant.sign_in("kim", PASSWORD)).status_code == 200


def test_an_address_has_its_tries_and_then_waits():
    clock = ManualClock(NOW)
    limit = Limit(clock, 3)
    for _ in range(3):
        limit.count("10.1.2.3")
        clock.advance(timedelta(seconds=10))
    with pytest.raises(TooMany) as refused:
        limit.count("10.1.2.3")
    limit.count("10.1.2.4")
    assert refused.value.retry_after == timedelta(seconds=31)
    clock.advance(refused.value.retry_after)
    limit.count("10.1.2.3")


async def test_whoever_asks_too_often_is_told_how_long_to_wait(plant):
    for _ in range(20):
        plant._mes().sign_ins._limit.count("127.0.0.1")
    refused = await plant.sign_in("nobody", "x")
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_SIGN_INS")
    assert refused.headers["Retry-After"] == "61"


async def renew(plant, token):
    return await plant.acting(None).post("/api/v1/auth/refresh", {"refresh_token": token})


async def test_a_refresh_token_holds_once_and_a_copy_ends_the_sign_in(plant, kim):
    signed_in = (await plant.sign_in("kim", PASSWORD)).json()["data"]
    renewed = await renew(plant, signed_in["refresh_token"])
    assert renewed.status_code == 200
    copied = await renew(plant, signed_in["refresh_token"])
    assert (copied.status_code, copied.json()["code"]) == (401, "REFRESH_REUSED")
    own = await renew(plant, renewed.json()["data"]["refresh_token"])
    assert (own.status_code, own.json()["code"]) == (401, "REFRESH_REFUSED")
    header = {"Authorization": f"Bearer {renewed.json()['data']['access_token']}"}
    ended = await plant.acting(None).client.get("/api/v1/auth/me", headers=header)
    assert (ended.status_code, ended.json()["code"]) == (401, "TOKEN_REVOKED")
    assert (await kim.get("/api/v1/auth/me")).status_code == 200, "another sign-in goes on"


async def test_a_sign_in_that_is_not_renewed_is_over_and_one_that_is_in_a_week(plant, kim):
    token = (await plant.sign_in("kim", PASSWORD)).json()["data"]["refresh_token"]
    statuses = []
    for _ in range(15):
        answer = await renew(plant, token)
        statuses.append(answer.status_code)
        token = answer.json().get("data", {}).get("refresh_token", token)
        plant.clock.advance(timedelta(hours=11, minutes=59))
    assert statuses == [200] * 15
    assert (await renew(plant, token)).status_code == 401
    token = (await plant.sign_in("kim", PASSWORD)).json()["data"]["refresh_token"]
    plant.clock.advance(timedelta(hours=12))
    assert (await renew(plant, token)).status_code == 401


async def test_signing_out_ends_the_token_and_its_renewal(plant, kim):
    signed_in = (await plant.sign_in("kim", PASSWORD)).json()["data"]
    header = {"Authorization": f"Bearer {signed_in['access_token']}"}
    client = plant.acting(None).client
    assert (await client.post("/api/v1/auth/logout", headers=header)).status_code == 200
    assert (await client.get("/api/v1/auth/me", headers=header)).json()["code"] == "TOKEN_REVOKED"
    assert (await renew(plant, signed_in["refresh_token"])).status_code == 401


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": True}])
async def test_who_is_not_let_in_any_more_is_out_at_once(plant, kim, change):
    if "password" in change:
        reset = await plant.post("/api/v1/users/kim/password", {})
        assert reset.json()["data"]["one_time_password"]
    else:
        await plant.patch("/api/v1/users/kim", change)
    assert (await kim.get("/api/v1/auth/me")).json()["code"] == "TOKEN_REVOKED"
    assert (await plant.sign_in("kim", PASSWORD)).status_code == 401


async def test_a_changed_role_holds_for_those_who_are_signed_in(plant, kim):
    assert (await kim.get("/api/v1/users")).status_code == 403
    await plant.patch("/api/v1/users/kim", {"role": "auditor"})
    assert (await kim.get("/api/v1/users")).status_code == 200


async def test_one_changes_ones_own_password_and_signs_in_again(plant, kim):
    body = {"password": "wrong", "new_password": "seven quiet paper boats"}  # pragma: allowlist secret
    assert (await kim.post("/api/v1/auth/password", body)).status_code == 401
    assert (await kim.post("/api/v1/auth/password", body | {"password": PASSWORD})).status_code == 200
    assert (await kim.get("/api/v1/auth/me")).status_code == 401
    assert (await plant.sign_in("kim", "seven quiet paper boats")).status_code == 200


def forged(**changes):
    said = {
        "iss": "andon-mes", "aud": "andon-mes", "sub": "kim", "sid": "x", "jti": "x",
        "iat": NOW.timestamp(), "exp": NOW.timestamp() + 600,
    }  # fmt: skip
    return {key: value for key, value in {**said, **changes}.items() if value is not None}


def unsigned():
    def part(document):
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(forged())}."


@pytest.mark.parametrize(
    "change",
    [{"aud": "andon"}, {"iss": "andon"}, {"exp": None}, {"jti": None}, {"sid": None}, {"exp": "soon"}],
)
def test_a_token_that_says_something_else_is_not_ours(tmp_path, change):
    tokens = Tokens(tmp_path / "secret", timedelta(hours=1))
    assert tokens.read(jwt.encode(forged(), tokens.secret, "HS256"), NOW) == Claims("kim", "x")
    with pytest.raises(Unidentified, match="TOKEN_INVALID"):
        tokens.read(jwt.encode(forged(**change), tokens.secret, "HS256"), NOW)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_or_key_is_not_ours(tmp_path, algorithm):
    tokens = Tokens(tmp_path / "secret", timedelta(hours=1))
    wrong = [
        jwt.encode(forged(), tokens.secret, algorithm),
        jwt.encode(forged(), b"another secret of thirty-two bytes", "HS256"),
        unsigned(),
        "",
        "a.b.c",
    ]
    for each in wrong:
        with pytest.raises(Unidentified, match="TOKEN_INVALID"):
            tokens.read(each, NOW)


async def test_a_token_of_this_secret_without_a_user_is_nobodys(plant):
    token = plant._mes().tokens.make(Claims("nobody", "x"), plant.clock.now())
    header = {"Authorization": f"Bearer {token}"}
    answer = await plant.acting(None).client.get("/api/v1/auth/me", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_REVOKED")


def test_the_secret_is_made_once_for_the_owner_alone(tmp_path):
    path = tmp_path / "secret"
    first = Tokens(path, LOCKED).secret
    assert Tokens(path, LOCKED).secret == first
    assert len(first) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(("content", "mode", "why"), [("x" * 31, 0o600, "31"), ("x" * 40, 0o640, "chmod")])
def test_a_secret_that_is_short_or_open_to_others_is_refused(tmp_path, content, mode, why):
    path = tmp_path / "secret"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(SecretError, match=why):
        assert Tokens(path, LOCKED).secret
    with pytest.raises(SecretError, match="ANDON_MES_SECRET_FILE"):
        assert Tokens(None, LOCKED).secret


async def by_page(plant, headers=OWN_PAGE):
    body = {"username": "kim", "password": PASSWORD}
    return await plant.acting(None).client.post("/api/v1/auth/login", json=body, headers=headers)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_gets_cookies_that_scripts_and_other_sites_cannot_use(shared):
    plant, _ = shared
    cookies = (await by_page(plant)).headers.get_list("set-cookie")
    assert len(cookies) == 2
    for each in cookies:
        assert "httponly" in each.lower()
        assert "samesite=strict" in each.lower()
        assert "secure" not in each.lower(), "this plant speaks HTTP"
    assert (await by_page(plant, {})).headers.get_list("set-cookie") == [], "a program gets none"
    assert (await by_page(plant, {"Sec-Fetch-Site": "cross-site"})).headers.get_list("set-cookie") == []


@pytest.mark.asyncio(loop_scope="module")
async def test_behind_a_proxy_with_https_the_cookies_are_for_https_alone(shared):
    plant, _ = shared
    cookies = (await by_page(plant, OWN_PAGE | {"X-Forwarded-Proto": "https"})).headers.get_list("set-cookie")
    assert all("secure" in each.lower() for each in cookies)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN_PAGE, 422),
        ({"Origin": "http://mes"}, 422),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://mes"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://mes.evil"}, 403),
    ],
)
async def test_a_change_by_cookie_must_come_from_our_own_page(shared, headers, status):
    plant, kim = shared
    client = plant.acting(None).client
    client.cookies.set("mes_session", token_of(kim))
    assert (await client.get("/api/v1/auth/me")).status_code == 200
    answer = await client.patch("/api/v1/lots/x", json={"no": "such"}, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == ("UNKNOWN_FIELD" if status == 422 else "CROSS_SITE")


async def test_a_page_renews_and_ends_its_sign_in_by_cookie(plant, kim):
    client = plant.acting(None).client
    body = {"username": "kim", "password": PASSWORD}
    await client.post("/api/v1/auth/login", json=body, headers=OWN_PAGE)
    client.cookies.delete("mes_session")
    assert (await client.post("/api/v1/auth/refresh", json={})).status_code == 403
    assert (await client.post("/api/v1/auth/refresh", json={}, headers=OWN_PAGE)).status_code == 200
    assert (await client.get("/api/v1/auth/me")).status_code == 200
    assert (await client.post("/api/v1/auth/logout", headers=OWN_PAGE)).status_code == 200
    assert dict(client.cookies) == {}
    assert (await client.post("/api/v1/auth/refresh", json={}, headers=OWN_PAGE)).status_code == 401


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("coffee under grey rain", True),
        ("볼펜과 우산 그리고 새벽", True),
        ("v9#Lq2!tRw8z", True),
        ("short", False),
        ("x" * 129, False),
        ("Password1234", False),
        ("passwordpassword", False),
        ("kim-kim-kim-kim", False),
        ("aaaaaaaaaaaaaa", False),
        ("123456789012", False),
        ("qwertyuiop123", False),
        ("Welcome2025!", False),
        ("andonfactory1", False),
        ("abababababab", False),
    ],
)
def test_a_password_is_long_and_not_easily_guessed(password, is_good):
    if is_good:
        check_password(password, "kim")
    else:
        with pytest.raises(InvalidInput, match="PASSWORD_WEAK"):
            check_password(password, "kim")


@pytest.mark.parametrize("name", ["Kim", "k", "-kim", "kim:1", "김", "device:x", "a" * 51, ""])
def test_a_name_to_sign_in_with_is_plain(name):
    with pytest.raises(InvalidInput):
        check_username(name)


def test_a_lock_doubles_up_to_a_day():
    rule = Lockout()
    locked = [rule.until(failed, NOW) for failed in range(1, 30)]
    assert locked[:4] == [None] * 4
    assert [each - NOW for each in locked[4:7]] == [LOCKED, 2 * LOCKED, 4 * LOCKED]
    assert locked[-1] - NOW == timedelta(days=1)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["6.6.6.6, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["6.6.6.6", "10.1.2.3, 127.0.0.1"], "10.1.2.3"),
        ("10.9.9.9", ["6.6.6.6"], "10.9.9.9"),
        ("127.0.0.1", ["evil"], "127.0.0.1"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        (None, ["6.6.6.6"], None),
    ],
)
def test_only_a_trusted_proxy_says_where_a_request_came_from(peer, forwarded, client):
    assert Proxies.of("127.0.0.0/8, ::1/128").client(peer, forwarded) == client
    assert Proxies.of("").client(peer, forwarded) == peer


def test_a_browser_without_a_word_is_not_our_page():
    assert not is_own_page({})
    assert not is_own_page({"origin": "http://"})
