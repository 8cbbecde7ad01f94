"""What a scanner of web applications would ask, held against the real application and its source.

Who may what is `andon/api/tests/test_rights.py`; limits, hosts and networks are `test_protection.py`.
"""

import ast
import asyncio
import contextlib
import functools
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from andon.access.ca import authority
from andon.access.model import Grant
from andon.api import declared
from andon.api.guard import Protection
from andon.api.http import create
from andon.board import assets, pages
from andon.kernel import tls
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Unauthenticated
from andon.settings import Settings
from andon.testing import scenes
from andon.testing.access import PASSWORD, client_as, headers_as
from andon.testing.accounts import Accounts
from andon.testing.services import FakePlant

_ROOT = Path(__file__).parents[2]
_SHIPPED = [
    each
    for folder in ("src/andon", "src/andon_wire")
    for each in sorted((_ROOT / folder).rglob("*.py"))
    if "tests" not in each.parts and "testing" not in each.parts
]
_SCRIPTS = sorted((_ROOT / "src/andon/board/static").glob("*.js"))
_IN_PATH = {
    "unit": "mes", "environment": "production", "version": "1.1.0", "rollout": scenes.UNDER_WAY,
    "run": scenes.SHIPPED, "stage": "test", "instance": "mes-production-1.1.0-0", "number": "3",
    "user": "viewer", "user_code": "BCDF-GHJK", "signature": "sg-none", "name": "board.js", "login": "viewer",
    "task": "labels", "station": "press-1", "path:path": "metadata/timestamp.json",
}  # fmt: skip
_STREAMS = {"/api/v1/events", "/api/v1/runs/{run}/events"}
_COMMON = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_SAMPLES = [
    "/", "/login", "/me", "/health", "/ready", "/api/v1/status", "/api/v1/none", "/nowhere",
    "/static/board.js", "/static/none.js", "/api/v1/timeline/export?format=csv",
]  # fmt: skip


@pytest.fixture
def plant() -> FakePlant:
    return scenes.a_busy_morning(FakePlant())


def whole(plant: FakePlant, protection: Protection | None = None) -> FastAPI:
    """API and board, as `andon up` serves them."""
    services = plant.services()
    app = create(services, protection=protection)
    pages.install(app, services)
    return app


def browser(plant: FakePlant, who: str | None = "admin", **options) -> httpx.AsyncClient:
    client = client_as(plant, who, app=whole(plant, **options))
    client.headers["Accept"] = "text/html"
    return client


@functools.cache
def trees() -> list[tuple[str, ast.Module]]:
    return [(each.relative_to(_ROOT).as_posix(), ast.parse(each.read_text())) for each in _SHIPPED]


def called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


@pytest.mark.asvs("3.2.1", "3.4.3", "3.4.4", "3.4.5", "3.4.6")
@pytest.mark.parametrize("path", _SAMPLES)
async def test_every_answer_of_every_kind_has_the_headers_of_safety(plant, path):
    async with browser(plant) as client:
        headers = (await client.get(path)).headers
    assert {name: headers[name] for name in _COMMON} == _COMMON
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.asvs("3.2.1", "3.4.4")
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Content-Length": "9999999999"}])
async def test_what_the_guard_itself_answers_has_them_too(plant, headers):
    async with browser(plant) as client:
        answer = await client.post("/api/v1/cord", headers=headers)
    assert answer.status_code in (403, 413)
    assert {name: answer.headers[name] for name in _COMMON} == _COMMON


@pytest.mark.asvs("14.3.2", "14.2.2")
@pytest.mark.parametrize("path", _SAMPLES)
async def test_only_the_boards_own_files_may_be_kept(plant, path):
    async with browser(plant) as client:
        kept = (await client.get(path)).headers["cache-control"]
    assert ("immutable" in kept) is (path == "/static/board.js")
    assert path == "/static/board.js" or kept == "no-store"


@pytest.mark.asvs("3.4.1")
async def test_with_tls_a_browser_stays_with_it_for_two_years_and_without_it_is_told_nothing(plant):
    async with browser(plant, protection=Protection(is_tls=True)) as client:
        said = [(await client.get(each)).headers["strict-transport-security"] for each in _SAMPLES]
    assert set(said) == {"max-age=63072000; includeSubDomains"}
    async with browser(plant) as client:
        assert "strict-transport-security" not in (await client.get("/login")).headers


@pytest.mark.asvs("3.4.2", "3.5.2")
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9"])
async def test_another_origin_is_given_no_leave_to_read_or_to_ask(plant, origin):
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-andon-csrf",
    }
    async with browser(plant) as client:
        answers = [await client.get(each, headers={"Origin": origin}) for each in _SAMPLES]
        answers.append(await client.options("/api/v1/cord", headers=asked))
    assert answers[-1].status_code == 405
    assert not [name for each in answers for name in each.headers if name.startswith("access-control")]


@pytest.mark.asvs("3.3.2", "3.3.4", "3.3.3")
@pytest.mark.parametrize("is_tls", [True, False])
async def test_the_session_s_cookie_is_for_this_host_and_no_script(plant, is_tls):
    async with browser(plant, None, protection=Protection(is_tls=is_tls)) as client:
        body = {"login": "viewer", "password": PASSWORD}
        cookie = (await client.post("/api/v1/login", json=body)).headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    parts = {each.strip().lower() for each in rest.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert name == ("__Host-andon_session" if is_tls else "andon_session")
    assert ("secure" in parts) is is_tls
    assert not [each for each in parts if each.startswith("domain")]


def _reads(app: FastAPI) -> list[str]:
    found = []
    for each in declared.routes(app):
        if "GET" in each.methods and each.path not in _STREAMS:
            path = each.path
            for name, value in _IN_PATH.items():
                path = path.replace(f"{{{name}}}", value)
            assert "{" not in path, f"say in _IN_PATH what stands in {each.path}"
            found.append(path)
    return found


@pytest.mark.asvs("3.5.3")
async def test_reading_changes_nothing(plant):
    app = whole(plant)

    def state() -> str:
        access = plant.access
        kept = [access.users, access.passwords, access.roles, access.tokens, access.policies]
        return repr([plant.records, plant.cords, plant.rollouts, plant.runs, sorted(access.sessions), *kept])

    async with client_as(plant, "admin", app=app) as client:
        before, asked = state(), _reads(app)
        for path in asked:
            for method in ("GET", "HEAD", "OPTIONS"):
                await client.request(method, path)
    assert len(asked) > 40
    assert state() == before


@pytest.mark.asvs("4.1.1")
async def test_what_an_answer_is_is_said_with_its_charset(plant):
    app = whole(plant)
    seen = set()
    async with client_as(plant, "admin", app=app) as client:
        client.headers["Accept"] = "text/html"
        for path in [*_reads(app), "/nowhere", "/api/v1/nowhere"]:
            answer = await client.get(path)
            if answer.content:
                kind = answer.headers["content-type"]
                seen.add(kind.partition(";")[0])
                assert not kind.startswith("text/") or "charset=utf-8" in kind, (path, kind)
    # JSON has no other charset than UTF-8 (RFC 8259, 8.1).
    assert {"text/html", "application/json", "application/problem+json", "text/javascript"} <= seen


@pytest.mark.asvs("4.1.2", "3.7.2")
async def test_the_api_sends_nobody_elsewhere(plant):
    app = whole(plant)
    async with client_as(plant, None, app=app) as client:
        for path in [each for each in _reads(app) if each.startswith("/api/")]:
            assert (await client.get(path)).status_code not in (301, 302, 303, 307, 308), path
        client.headers["Accept"] = "text/html"
        page = await client.get("/users")
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2Fusers")


@pytest.mark.asvs("13.4.4")
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG", "PROPFIND"])
async def test_methods_that_nobody_needs_are_refused(plant, method):
    async with browser(plant) as client:
        for path in ("/", "/api/v1/status", "/health", "/static/board.js"):
            answer = await client.request(method, path, headers={"X-Canary": "b3n7"})
            assert answer.status_code in (403, 405), path
            assert "b3n7" not in answer.text


@pytest.mark.asvs("13.4.1", "13.4.3", "1.1.1")
@pytest.mark.parametrize(
    "path",
    [
        "/.git/config", "/.env", "/andon.env", "/andon.db", "/keys/timeline.key", "/static", "/static/",
        "/static/../pages.py", "/static/%2e%2e/pages.py", "/static/%252e%252e%252fpages.py",
        "/static/..%2fpages.py", "/static/%2fetc%2fpasswd", "/static/board.js%00.css", "/static/_parts.html",
        "/templates/login.html",
    ],
)  # fmt: skip
async def test_no_file_or_folder_is_served_but_the_boards_own(plant, path):
    async with browser(plant) as client:
        answer = await client.get(path)
    assert answer.status_code in (404, 405)
    for content in ("Serve the board from", "[core]", "root:", "Index of", "{% import"):
        assert content not in answer.text


@pytest.mark.asvs("13.4.2", "16.5.1")
async def test_there_is_no_debug_mode_and_no_page_of_a_tool(plant):
    app = whole(plant)
    assert app.debug is False
    plant.desired = None  # the floor fails
    async with browser(plant) as client:
        for path in ("/docs", "/redoc", "/openapi.json", "/debug", "/console", "/_debug_toolbar"):
            assert (await client.get(path)).status_code == 404
        with capture_logs():
            broken = await client.get("/")
    assert broken.status_code == 500
    assert "Traceback" not in broken.text
    assert "site-packages" not in broken.text
    assert "server" not in broken.headers


@pytest.mark.asvs("15.3.3", "2.2.1")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v1/users/viewer", {"reason": "x", "is_break_glass": True}),
        ("PATCH", "/api/v1/users/viewer", {"reason": "x", "id": "us-admin"}),
        (
            "POST",
            "/api/v1/users",
            {"login": "kim", "display_name": "K", "grants": [], "reason": "x", "id": "1"},
        ),
        ("POST", "/api/v1/cord", {"reason": "x", "actor": "somebody"}),
        ("POST", "/api/v1/login", {"login": "viewer", "password": PASSWORD, "grants": [{"role": "admin"}]}),
    ],
)
async def test_a_field_that_a_body_does_not_have_is_refused(plant, method, path, body):
    async with client_as(plant, "admin") as client:
        answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-field")
    assert plant.cords == []


@pytest.mark.asvs("15.3.7")
async def test_a_value_counts_only_where_it_is_declared(plant):
    async with client_as(plant, "admin") as client:
        by_query = await client.post("/api/v1/cord?reason=x")
        by_form = await client.post("/api/v1/cord", data={"reason": "x"})
        other = await client.get("/api/v1/rollouts", params={"unit": "mes"}, headers={"unit": "roastery"})
    assert by_query.status_code == 422
    assert by_form.status_code == 422
    assert plant.cords == []
    assert {each["unit"] for each in other.json()} == {"mes"}


@pytest.mark.asvs("14.2.1")
async def test_no_password_token_or_secret_is_asked_for_in_an_address(plant):
    described = create(plant.services()).openapi()
    asked = {
        each["name"].lower()
        for operations in described["paths"].values()
        for operation in operations.values()
        for each in operation.get("parameters", [])
        if each["in"] in ("query", "path")
    }
    assert len(asked) > 10
    # `token` in a path is a token's id; `user_code` opens nothing without a person who is signed in.
    assert not [
        each for each in asked if re.search("password|secret|key|csrf|session_secret|device_code", each)
    ]


@pytest.mark.asvs("6.2.6", "6.2.7")
@pytest.mark.parametrize(("who", "path"), [(None, "/login"), ("viewer", "/me"), ("admin", "/")])
async def test_passwords_are_masked_and_managers_may_fill_them_in(plant, who, path):
    async with browser(plant, who) as client:
        text = (await client.get(path)).text
    found = [
        each for each in re.findall(r"<input[^>]*>", text) if re.search(r'name="(again|\w*password)"', each)
    ]
    assert found
    for each in found:
        assert 'type="password"' in each
        assert re.search(r'autocomplete="(current|new)-password"', each)
    assert "onpaste" not in "".join([text, *(each.read_text() for each in _SCRIPTS)])


@pytest.mark.asvs("7.4.4")
async def test_every_page_of_somebody_signed_in_offers_to_sign_out(plant):
    async with browser(plant) as client:
        for path in ("/", "/me", "/users", "/timeline", "/policies", f"/rollouts/{scenes.UNDER_WAY}"):
            assert 'id="sign-out"' in (await client.get(path)).text, path


@pytest.mark.asvs("6.4.2")
async def test_nothing_asks_for_a_hint_or_a_secret_question(plant):
    schemas = create(plant.services()).openapi()["components"]["schemas"]
    wanted = {name for schema in schemas.values() for name in schema.get("properties", {})}
    assert "password" in wanted
    assert not [each for each in wanted if re.search("question|password_hint|mother|pet|recovery", each)]


@pytest.mark.asvs("7.2.3", "7.2.4", "11.5.1")
async def test_every_sign_in_has_a_secret_of_256_random_bits_of_its_own(database, tmp_path):
    accounts = Accounts(database, tmp_path)
    person = await accounts.person("mina", Grant("viewer"))
    made = [await accounts.open(person) for _ in range(20)]
    terminal = [await accounts.open(person, "terminal") for _ in range(20)]
    accounts.close()
    secrets = {each.secret for each in made} | {each.refresh for each in terminal}
    assert len(secrets) == 40
    assert all(len(each.secret) >= 43 for each in made)  # base64 of 32 bytes
    assert all(re.fullmatch(r"andon_rt_[0-9a-f]{64}", each.refresh) for each in terminal)


@pytest.mark.asvs("10.4.8")
async def test_a_refresh_token_ends_with_its_session_however_often_it_is_replaced(database, tmp_path):
    accounts = Accounts(database, tmp_path)
    person = await accounts.person("mina", Grant("viewer"))
    refresh = (await accounts.open(person, "terminal")).refresh
    for _ in range(23):
        accounts.clock.advance(timedelta(minutes=31))
        refresh = (await accounts.sessions.bearer(refresh)).refresh_token
    accounts.clock.advance(timedelta(minutes=31))
    with pytest.raises(Unauthenticated):
        await accounts.sessions.bearer(refresh)
    accounts.close()


@pytest.mark.asvs("6.5.4", "6.5.5")
async def test_a_terminals_code_has_eight_of_twenty_letters_for_ten_minutes(database, tmp_path):
    accounts = Accounts(database, tmp_path)
    begun = [await accounts.devices.begin(source="", agent="") for _ in range(20)]
    accounts.close()
    codes = {each.user_code for each in begun}
    assert len(codes) == 20
    assert all(re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", each) for each in codes)
    assert {each.expires_in for each in begun} == {timedelta(minutes=10)}


@pytest.mark.asvs("12.1.2", "12.1.1")
def test_a_server_offers_only_ciphers_with_forward_secrecy_and_authentication(tmp_path):
    authority.create_authority(tmp_path, SystemClock(), "Plant CA")
    authority.issue_server(tmp_path, SystemClock(), ["localhost"])
    context = tls.server_context(tmp_path / "server.pem")
    ciphers = context.get_ciphers()
    assert len(ciphers) >= 5
    for each in ciphers:
        assert each["aead"], each["name"]
        assert each["strength_bits"] >= 128
        assert each["protocol"] == "TLSv1.3" or each["kea"] == "kx-ecdhe", each["name"]
    assert context.minimum_version == tls.ssl.TLSVersion.TLSv1_2


@pytest.mark.asvs("13.2.3", "6.3.2")
def test_no_setting_has_a_secret_for_a_default():
    def secrets(model: object) -> Iterator[object]:
        for name in type(model).model_fields:
            value = getattr(model, name)
            if isinstance(value, SecretStr) or re.search("password$|secret$|token$", name):
                yield name, value
            elif hasattr(type(value), "model_fields"):
                yield from secrets(value)

    found = dict(secrets(Settings(_env_file=None)))
    # The name of a secret in the store, a token that is not there, and how long one holds.
    assert set(found) == {"token", "bind_secret", "access_token"}
    assert found["token"].get_secret_value() == ""
    assert found["bind_secret"] == "directory"


_BANNED_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load"}
_BANNED_MODULES = {"pickle", "marshal", "shelve", "dill", "telnetlib", "ftplib", "yaml"}


@pytest.mark.asvs("1.3.2", "1.5.2", "1.2.5")
def test_nothing_runs_or_loads_what_came_in():
    for path, tree in trees():
        assert not _BANNED_CALLS & set(called(tree)), path
        assert not _BANNED_MODULES & imported(tree), path
        for call in called(tree):
            assert not call.endswith("create_subprocess_shell"), path
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path


@pytest.mark.asvs("1.3.7")
def test_templates_come_from_the_package_alone():
    for path, tree in trees():
        for call in called(tree):
            assert call.rpartition(".")[2] not in {"from_string", "Template"}, path
    environment = assets.templates()
    assert environment.autoescape is True
    assert not re.search(r"\|\s*safe\b", "".join(
        environment.loader.get_source(environment, name)[0] for name in environment.list_templates()
    ))  # fmt: skip


@pytest.mark.asvs("1.2.9")
def test_no_pattern_is_built_from_input():
    built = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"re\.(compile|match|search|fullmatch|sub|split|findall|finditer)", ast.unparse(node.func)
            ):
                names = {each.id for each in ast.walk(node.args[0]) if isinstance(each, ast.Name)}
                if [each for each in names if each != each.upper()]:
                    built.append(f"{path}: {ast.unparse(node.args[0])}")
    # Those that take a value escape it.
    assert [each for each in built if "re.escape(" not in each] == []


@pytest.mark.asvs("1.3.6", "13.2.4")
def test_the_modules_that_call_other_addresses_are_these():
    callers = {
        path
        for path, tree in trees()
        if {"andon.kernel.fetching", "httpx", "urllib.request", "http.client", "ldap3", "smtplib"}
        & imported(tree)
    }
    assert callers == {
        "src/andon/access/directory/link.py",  # the directory of the settings
        "src/andon/cli/client.py",  # the Andon that a person names
        "src/andon/evidence/http.py",  # metrics pages of our own instances, on this machine
        "src/andon/evidence/prometheus.py",  # the Prometheus of the settings
        "src/andon/gateway/admin.py",  # Envoy's socket
        "src/andon/kernel/fetching.py",  # what others here tell it to ask
        "src/andon/rollouts/outside/fetch.py",  # our own units, and webhooks whose origins the settings name
        "src/andon/rollouts/tasks/worker.py",  # smoke tests of our own instances
        "src/andon/targets/checks.py",  # health of our own instances
        "src/andon/timeline/offline.py",  # the witness that an auditor names
        "src/andon/timeline/witnesses.py",  # witnesses of the settings
        "src/andon_wire/sources.py",  # registries that a person names, or that a station was told
    }


@pytest.mark.asvs("15.3.2")
def test_nobody_follows_a_redirect_or_a_referral():
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in {"follow_redirects", "auto_referrals"}:
                assert ast.unparse(node.value) == "False", path


@pytest.mark.asvs("6.5.3", "11.5.1")
def test_what_nobody_may_guess_comes_from_the_systems_source_of_chance():
    for path, tree in trees():
        if "/access/" in path or "/api/" in path or "/kernel/" in path or "andon_wire" in path:
            assert "random" not in imported(tree), path
            assert "numpy.random" not in imported(tree), path


@pytest.mark.asvs("11.2.3", "11.3.1", "11.3.2", "11.4.1")
def test_no_weak_cipher_mode_or_hash_is_used():
    weak = r"\b(MD5|md5|ECB|CBC|RC4|ARC4|TripleDES|Blowfish|DES3|PKCS1v15Encryption|sha1|SHA1)\b"
    found = {
        f"{path}: {call}"
        for path, tree in trees()
        for call in called(tree)
        if "(" not in call and re.search(weak, call)
    }
    # The format of the published lists of breached passwords, not a protection.
    assert found == {"src/andon/access/people/guessing.py: hashlib.sha1"}


@pytest.mark.asvs("15.2.3")
def test_nothing_that_is_shipped_needs_what_is_for_tests():
    for path, tree in trees():
        assert not [each for each in imported(tree) if each.startswith(("andon.testing", "pytest"))], path
    build = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert "**/tests/**" in build["exclude"]


@pytest.mark.asvs("1.2.3", "3.2.2", "14.3.3", "15.3.6", "3.7.1")
def test_the_script_writes_text_keeps_nothing_and_merges_nothing():
    assert _SCRIPTS
    for path in _SCRIPTS:
        text = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
                     "localStorage", "sessionStorage", "indexedDB", "postMessage", "__proto__"):  # fmt: skip
            assert word not in text, (path.name, word)
        # Only the board's own functions are put into its one object.
        assert set(re.findall(r"Object\.assign\((\w+)", text)) <= {"Andon"}, path.name


_SMUGGLED = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}",
    "a length that is no number": b"Content-Length: +2\r\n\r\n{}",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n{}",
    "a bad chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 2\r\n\r\n{}",
    "a line end in a header": b"X-A: b\r\n\x00Content-Length: 2\r\n\r\n{}",
}


@pytest.mark.asvs("4.2.1")
@pytest.mark.parametrize("kind", _SMUGGLED)
async def test_a_message_whose_end_is_unclear_is_refused_and_the_connection_closed(plant, kind):
    head = (
        b"POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    ) + _SMUGGLED[kind]
    hidden = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with served(whole(plant)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + hidden)
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1  # what was hidden behind it was not answered


@contextlib.asynccontextmanager
async def served(app: FastAPI):
    """`app` behind a real uvicorn with h11, as `andon up` runs it; gives the port."""
    config = uvicorn.Config(
        app, port=0, log_config=None, access_log=False, server_header=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.mark.asvs("1.1.1")
async def test_a_name_is_decoded_once(plant):
    async with client_as(plant, "admin") as client:
        once = await client.get("/api/v1/units/m%65s/environments/production/none")
        twice = await client.get("/api/v1/releases/m%2565s/1.1.0", headers=headers_as(plant, "admin"))
        good = await client.get("/api/v1/releases/m%65s/1.1.0")
    assert once.status_code in (404, 405)
    assert good.status_code == 200
    assert twice.status_code == 422
