"""What is secret does not come out, wherever it stands; what is not is kept to the letter."""

import base64
import io
import json
import logging as stdlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from andon.kernel import logging
from andon.kernel.redaction import MASK, clean, clean_value, is_secret_key

CANARY = "Zq7canaryVx4Lm2Kd9TpRw8SbNfHgJcYe3Ua"
_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# As people choose passwords; without what ends the place itself, such as a quote or a space.
_PASSWORDS = st.text(alphabet=_BASE62 + "!#$%*+-.:?^_~/@,;=()[]{}|비", max_size=12).map(
    lambda each: f"{CANARY}{each}"
)

_LABELS = (
    "password",
    "bind_password",
    "DB_PASSWORD",
    "token",
    "client_secret",
    "X-Api-Key",
    "api_key",
    "passphrase",
)
PLACES: dict[str, Callable[[str], str]] = {
    "assigned": lambda it: f"connect(host=a, password={it} port=1)",
    "query": lambda it: f"GET /login?user=kim&token={it}&next=/ HTTP/1.1",
    "repr of a dict": lambda it: repr({"user": "kim", "bind_password": it, "n": 1}),
    "json": lambda it: json.dumps({"a": {"client_secret": it}, "b": 2}),
    "json in json": lambda it: json.dumps({"body": json.dumps({"password": it, "x": "y"})}),
    "bytes": lambda it: repr({"password": it.encode()}),
    "told": lambda it: f"login failed with password: {it}",
    "bearer": lambda it: f"sent Authorization: Bearer {it}",
    "bearer alone": lambda it: f"refused bearer {it} from 10.0.0.1",
    "header pairs": lambda it: repr([("host", "a"), ("authorization", f"Bearer {it}")]),
    "header byte pairs": lambda it: repr([(b"cookie", f"session={it}".encode())]),
    "headers": lambda it: f"Headers({{'host': 'a', 'authorization': 'Token {it}'}})",
    "set-cookie": lambda it: f"Set-Cookie: andon_session={it}; Path=/; HttpOnly",
    "database": lambda it: f"cannot connect to postgresql://andon:{it}@db:5432/andon",
    "proxy": lambda it: f"via http://kim:{it}@proxy.plant.local:3128/",
    "user of a url": lambda it: f"git clone https://{CANARY}@git.plant.local/mes.git?token={it}",
    "x-api-key": lambda it: f"X-Api-Key: {it}",
    "one time": lambda it: f"one_time_password={it}",
}  # fmt: skip
ENCODED: dict[str, Callable[[str], str]] = {
    "basic": lambda it: "got Basic " + base64.b64encode(f"kim:{it}".encode()).decode(),
    "jwt": lambda it: (
        "jwt eyJhbGciOiJIUzI1NiJ9." + base64.urlsafe_b64encode(it.encode()).decode().rstrip("=") + ".c2ln"
    ),
    "andon token": lambda it: f"refused andon_personal_{_base62(it)} of kim",
    "andon machine token": lambda it: f"'andon_m_{_base62(it)}'",
}
PEM = f"-----BEGIN EC PRIVATE KEY-----\nMHcC{CANARY}\nAwEHoUQD\n-----END EC PRIVATE KEY-----"


def _base62(text: str) -> str:
    return "".join(each for each in text if each in _BASE62).ljust(40, "7")


def _secret_in(text: str, value: str) -> str:
    """What of the encoded `text` would give `value` away: its longest word."""
    return max(text.split(" "), key=len).strip("'")


@hypothesis.given(place=st.sampled_from(sorted(PLACES)), value=_PASSWORDS)
@hypothesis.example(place="database", value=CANARY + "/slash")
def test_a_secret_never_comes_out_of_a_text(place: str, value: str) -> None:
    text = PLACES[place](value)
    assert CANARY in text
    assert CANARY not in clean(text)
    assert clean(clean(text)) == clean(text)


@hypothesis.given(place=st.sampled_from(sorted(ENCODED)), value=_PASSWORDS)
def test_an_encoded_secret_never_comes_out(place: str, value: str) -> None:
    text = ENCODED[place](value)
    assert _secret_in(text, value) not in clean(text)
    assert MASK in clean(text)
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("text", [PEM, repr(PEM), f"key {PEM} and more", PEM[:60], json.dumps({"text": PEM})])
def test_a_private_key_never_comes_out_whole_or_cut(text: str) -> None:
    assert CANARY not in clean(text)


@pytest.mark.parametrize("label", _LABELS)
@pytest.mark.parametrize("form", ["{}={}", "{} = '{}'", '"{}": "{}"', "'{}': '{}'", "{}: {}"])
def test_every_label_counts_in_every_form(label: str, form: str) -> None:
    assert CANARY not in clean(form.format(label, CANARY))


@pytest.mark.parametrize(
    "text",
    [
        "secret stage", "key id 3", "the token expired", "password: too short",
        "basic authentication failed",
        "bearer authentication is not supported", "secret ldap.bind does not open", "two tokens: 5 left",
        "비밀번호가 틀렸습니다", "token: 만료되었습니다",
        "token_id=tok-0kz3 revoked", "password_changed_at=2026-01-01",
        "http://127.0.0.1:8460/units/mes?at=a@b.c", "sqlite:////srv/andon/andon.db",
        "mail to kim@plant.local",
        "password = None", "token == other", "release andon_mes_1 promoted", "Authorization: denied",
        "keys: ('k-967eea30',)", "a cookie: none", "GET /health HTTP/1.1", "passed=12 failed=0",
        "keyboard: us",
        "monkey=3", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "secrets rotated", "laptop=3", "",
        "share 0.25 -> 0.5", "pass=1", "bypass: 12 valves",
    ],
)  # fmt: skip
def test_ordinary_words_are_kept_to_the_letter(text: str) -> None:
    assert clean(text) == text


@hypothesis.given(st.text(max_size=400))
def test_any_text_is_cleaned_once_and_for_all(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    "key",
    ["password", "bind_password", "bindPassword", "DB_PASSWORD", "smtp.password", "X-Api-Key",
     "api_key", "apikey",
     "Authorization", "Set-Cookie", "client_secret", "token", "accessToken", "private_key", "key_material",
     "one_time", "oneTimeCode", "one_time_code", "password_hash", "credentials", "csrf_token",
     "passphrase"],
)  # fmt: skip
def test_keys_that_say_secret(key: str) -> None:
    assert is_secret_key(key)
    assert clean_value("anything", key=key) == MASK
    assert clean_value(1234, key=key) == MASK
    assert clean_value({"deep": ["anything"]}, key=key) == MASK


@pytest.mark.parametrize(
    "key",
    ["key", "key_id", "token_id", "token_name", "password_changed_at", "password_file",
     "secret_name", "event",
     "unit", "passed", "author", "keyboard", "tokenizer", "monkey", "stage", "public_key",
     "secrets_count", ""],
)  # fmt: skip
def test_keys_that_only_sound_like_it(key: str) -> None:
    assert not is_secret_key(key)
    assert clean_value("anything", key=key) == "anything"


def test_whether_there_is_one_may_be_said() -> None:
    assert clean_value({"password": None, "has_token": True, "token": ""}) == {
        "password": None,
        "has_token": True,
        "token": "",
    }


@dataclass
class Login:
    user: str
    password: str


_PLAIN = st.text(alphabet="abcdeßé .-_:=/한글0123", max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_PLAIN, inner, max_size=3),
)


@hypothesis.given(st.data(), _VALUES)
def test_a_secret_never_comes_out_of_a_nested_value(data: st.DataObject, value) -> None:
    planted = data.draw(
        st.sampled_from(
            [
                {"password": CANARY},
                {"headers": {"Authorization": f"Bearer {CANARY}"}},
                [f"token={CANARY}"],
                (b"password=" + CANARY.encode(),),
                Login("kim", CANARY),
                ValueError(f"bad url https://kim:{CANARY}@db/"),
                {f"postgresql://a:{CANARY}@b/": 1},
                {1: {2: {3: {"x": Login("a", CANARY)}}}},
                [[[[[[[[[[{"secret": CANARY}]]]]]]]]]],
            ]
        )
    )
    for whole in ([value, planted], {"a": value, "b": planted}):
        assert CANARY not in repr(clean_value(whole))


@hypothesis.given(_VALUES)
def test_a_value_without_secrets_stays_as_it_is(value) -> None:
    assert clean_value(value) == value


def test_times_and_numbers_keep_their_kind() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert clean_value({"at": at, "n": 1.5, "ok": True, "path": Path("a")}) == {
        "at": at,
        "n": 1.5,
        "ok": True,
        "path": "PosixPath('a')",
    }


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "_eyJ", "://a:b", "://", "password", "password=", 'password="', "token:", "token: a",
     "andon_a_",
     "bearer ", "basic ", "basic AAAA", "-----BEGIN PRIVATE KEY-----",
     "cookie:a", 'secret\\":\\"', "authorization:",
     "a", "key_", "one_time_", "('cookie', '", "\\"],
)  # fmt: skip
def test_no_text_keeps_the_log_waiting(piece: str) -> None:
    text = piece * (64_000 // len(piece)) + "://token"
    began = time.process_time()
    clean(text)
    assert time.process_time() - began < 3


# Through the log.


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = stdlib.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.configure(file=tmp_path / "andon.log")
    yield tmp_path / "andon.log"
    root.handlers[:], root.level = handlers, level


@pytest.mark.asvs("16.2.5")
def test_no_record_of_ours_or_of_a_vendor_holds_a_secret(log_file: Path) -> None:
    own = logging.get("own")
    own.info("signed in", password=CANARY, headers={"cookie": CANARY}, login=Login("kim", CANARY))
    own.bind(api_key=CANARY).warning(f"bound, token={CANARY}")
    for vendor in ("uvicorn.error", "sqlalchemy.engine", "ldap3", "httpx"):
        log = stdlib.getLogger(vendor)
        log.warning("request %s %r", f"https://kim:{CANARY}@plant/", {"Authorization": f"Bearer {CANARY}"})
        try:
            _connect(f"postgresql://andon:{CANARY}@db/andon")
        except ConnectionError:
            log.exception("cannot connect with password=%s", CANARY)
            own.exception("loop failed", stack_info=True)
    text = log_file.read_text()
    assert CANARY not in text
    assert len(text.splitlines()) == 2 + 4 * 3
    assert "ConnectionError: cannot reach postgresql://andon:[redacted]@db/andon" in text
    assert "ValueError" in text


def _connect(url: str) -> None:
    try:
        raise ValueError(f"Authorization: Basic {base64.b64encode(f'kim:{CANARY}'.encode()).decode()}")
    except ValueError as error:
        raise ConnectionError(f"cannot reach {url}") from error


def test_a_terminal_shows_no_secret_either(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stderr", shown)
        logging.configure()
        stdlib.getLogger("terminal").warning("token=%s", CANARY, exc_info=ValueError(f"password={CANARY}"))
    assert "ValueError" in shown.getvalue()
    assert CANARY not in shown.getvalue()


def test_a_record_that_cannot_be_written_is_named_without_its_arguments(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (handler,) = stdlib.getLogger().handlers[:1]
    handler.handle(stdlib.LogRecord("clumsy", stdlib.WARNING, __file__, 1, "%s %s", (CANARY,), None))
    said = capsys.readouterr().err
    assert "a log record of clumsy was lost (TypeError" in said
    assert CANARY not in said + log_file.read_text()
