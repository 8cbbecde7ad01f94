"""A signed request is good for one request at one place, once; a wanted document for one station."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_wire.enrolment import Token, check_enrolled
from andon_wire.errors import Malformed, Unreachable, Untrusted, WireError
from andon_wire.identity import (
    FOR_ENROLMENT,
    Claims,
    PrivateKey,
    Request,
    authorization,
    check_request,
    check_wanted,
    claimed_station,
    sign_request,
    sign_wanted,
    token_of,
)
from andon_wire.nonces import Nonces
from andon_wire.protocol import Enrolled, Wanted, WantedUnit

pytestmark = pytest.mark.unit

FLEET, STATION, OTHER = (PrivateKey.generate() for _ in range(3))
NOW = 1_764_000_000.25
REQUEST = Request("POST", "/api/v1/agents/reports?part=1", b'{"seq":1}', FLEET.public)
WANTED = Wanted(
    station="line-1-test",
    revision=7,
    issued_at=datetime(2026, 1, 2, tzinfo=UTC),
    units={"station": WantedUnit(version="1.2.0")},
)


def signed(request: Request = REQUEST, now: float = NOW) -> str:
    return sign_request(request, station="line-1-test", key=STATION, now=now)


def check(token: str, request: Request = REQUEST, now: float = NOW, key: PrivateKey = STATION) -> Claims:
    return check_request(token, request, key=key.public, now=now)


def code_of(error: pytest.ExceptionInfo[WireError]) -> str:
    return error.value.code


def test_a_request_that_its_station_signed_holds() -> None:
    token = signed()
    assert claimed_station(token) == "line-1-test"
    assert check(token).station == "line-1-test"
    assert token_of(authorization(token)) == token
    assert token_of(f"andon-station  {token}") == token
    assert [token_of(each) for each in (None, "", "Bearer abc", "Andon-Station ")] == [None] * 4


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, method="PUT"),
        replace(REQUEST, target="/api/v1/agents/reports?part=2"),
        replace(REQUEST, target="/api/v1/agents/reports"),
        replace(REQUEST, body=b'{"seq":2}'),
        replace(REQUEST, audience=OTHER.public),
        replace(REQUEST, audience=FOR_ENROLMENT),
    ],
)
def test_a_stolen_token_is_nothing_to_another_request(other: Request) -> None:
    with pytest.raises(Untrusted) as caught:
        check(signed(), other)
    assert code_of(caught) == "other-request"


@pytest.mark.parametrize("later", [-61, 61, -1e9, 1e9])
def test_a_request_of_another_time_is_refused(later: float) -> None:
    with pytest.raises(Untrusted) as caught:
        check(signed(), now=NOW + later)
    assert code_of(caught) == "stale-request"
    assert check(signed(), now=NOW + 59)


def test_another_key_does_not_pass() -> None:
    with pytest.raises(Untrusted) as caught:
        check(signed(), key=OTHER)
    assert code_of(caught) == "bad-signature"


def test_an_algorithm_that_needs_no_private_key_does_not_pass() -> None:
    payload = signed().split(".")[1]
    public = bytes.fromhex(STATION.public)
    for head, key in (({"alg": "none"}, b""), ({"alg": "HS256"}, public)):
        header = base64.urlsafe_b64encode(json.dumps({**head, "typ": "andon-request+jwt"}).encode())
        signature = (
            b""
            if not key
            else jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
                header.rstrip(b"=") + b"." + payload.encode(), key
            )
        )
        text = b".".join(
            (header.rstrip(b"="), payload.encode(), base64.urlsafe_b64encode(signature).rstrip(b"="))
        )
        with pytest.raises(Untrusted) as caught:
            check(text.decode())
        assert code_of(caught) == "bad-signature"


def test_a_wanted_document_and_a_request_do_not_pass_for_each_other() -> None:
    with pytest.raises(Untrusted):
        check(sign_wanted(WANTED, STATION))
    with pytest.raises(Untrusted):
        check_wanted(signed(), key=STATION.public, station="line-1-test")


def test_what_is_wanted_is_of_the_pinned_key_and_for_this_station() -> None:
    text = sign_wanted(WANTED, FLEET)
    assert check_wanted(text, key=FLEET.public, station="line-1-test") == WANTED
    with pytest.raises(Untrusted, match="signature"):
        check_wanted(text, key=OTHER.public, station="line-1-test")
    with pytest.raises(Untrusted, match="not of line-2"):
        check_wanted(text, key=FLEET.public, station="line-2")


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_never_holds(at: int, flip: int) -> None:
    raw = bytearray(signed().encode())
    raw[at % len(raw)] ^= flip
    text = raw.decode("latin-1")
    if _decoded(text) == _decoded(signed()):
        return
    with pytest.raises(Untrusted):
        check(text)


def _decoded(token: str) -> object:
    """Base64 has spare bits at the end of a part; two texts may be the same bytes."""
    try:
        return [base64.urlsafe_b64decode(each + "==") for each in token.split(".")]
    except ValueError:
        return None


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))))
def test_any_text_is_refused_and_breaks_nothing(text: str) -> None:
    for call in (
        lambda: check(text),
        lambda: claimed_station(text),
        lambda: check_wanted(text, key=FLEET.public, station="line-1-test"),
        lambda: Token.parse(text),
    ):
        with pytest.raises((Untrusted, Malformed)):
            call()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["sub", "iat", "jti", "x"]), each),
        max_leaves=8,
    )
)
def test_a_signed_payload_of_any_shape_breaks_nothing(payload: object) -> None:
    raw = json.dumps(payload).encode()
    for kind in ("andon-request+jwt", "andon-wanted+jws"):
        text = jwt.PyJWS().encode(raw, STATION.private, algorithm="EdDSA", headers={"typ": kind})
        with pytest.raises((Untrusted, Malformed)):
            check(text)
        with pytest.raises((Untrusted, Malformed)):
            check_wanted(text, key=STATION.public, station="line-1-test")
        with pytest.raises(Untrusted):
            claimed_station(text)


def test_the_key_of_a_file_is_read_again_and_nothing_else_is() -> None:
    assert PrivateKey.load(STATION.pem()).public == STATION.public
    for pem in (b"", b"nothing", STATION.pem()[:40]):
        with pytest.raises(Malformed):
            PrivateKey.load(pem)


class TestNonces:
    @staticmethod
    def claims(nonce: int, issued: float = NOW, station: str = "line-1") -> Claims:
        return Claims(station, issued, f"{nonce:032x}")

    def test_a_request_is_taken_once(self) -> None:
        nonces = Nonces(NOW - 100)
        nonces.use(self.claims(1), NOW)
        for now in (NOW, NOW + 59, NOW - 1000):
            with pytest.raises(Untrusted) as caught:
                nonces.use(self.claims(1), now)
            assert code_of(caught) == "replayed-request"
        nonces.use(self.claims(1, station="line-2"), NOW)

    def test_what_was_signed_before_a_restart_is_refused(self) -> None:
        nonces = Nonces(NOW)
        with pytest.raises(Untrusted) as caught:
            nonces.use(self.claims(1, NOW - 0.001), NOW + 1)
        assert code_of(caught) == "stale-request"
        nonces.use(self.claims(1, NOW + 0.001), NOW + 1)

    @given(st.lists(st.tuples(st.integers(0, 30), st.floats(-400, 400)), max_size=60))
    def test_none_is_taken_twice_however_the_clock_jumps(self, uses: list[tuple[int, float]]) -> None:
        nonces, taken = Nonces(NOW - 1000), []
        for nonce, shift in uses:
            now, claims = NOW + shift, self.claims(nonce, NOW + nonce * 10)
            try:
                nonces.use(claims, now)
            except Untrusted:
                continue
            taken.append(claims)
        assert len(taken) == len(set(taken))

    def test_memory_is_bounded_and_given_back(self) -> None:
        nonces = Nonces(NOW - 1, most=3, most_of_one=2)
        nonces.use(self.claims(1), NOW)
        nonces.use(self.claims(2), NOW)
        with pytest.raises(Unreachable):
            nonces.use(self.claims(3), NOW)
        nonces.use(self.claims(3, station="line-2"), NOW)
        with pytest.raises(Unreachable):
            nonces.use(self.claims(4, station="line-3"), NOW)
        nonces.use(self.claims(4, NOW + 200), NOW + 200)
        assert len(nonces) == 1


class TestEnrolment:
    ROOT = '{"signed": "a root"}'

    def enrolled(self, key: str = FLEET.public, root: str = ROOT) -> Enrolled:
        return Enrolled(station="line-1", root=root, wanted_key=key, now=datetime(2026, 1, 2, tzinfo=UTC))

    def test_a_token_names_the_plant_that_made_it(self) -> None:
        token = Token.make(FLEET.public, self.ROOT)
        assert Token.parse(f" {token}\n") == token
        check_enrolled(token, self.enrolled())
        for other in (
            self.enrolled(key=OTHER.public),
            self.enrolled(root="{}"),
            self.enrolled(key="not hex"),
        ):
            with pytest.raises(Untrusted) as caught:
                check_enrolled(token, other)
            assert code_of(caught) == "other-plant"

    def test_two_tokens_share_no_secret(self) -> None:
        first, second = (Token.make(FLEET.public, self.ROOT) for _ in range(2))
        assert first.hash != second.hash
        assert first.pin == second.pin
