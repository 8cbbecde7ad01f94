"""Envelopes: what was signed comes out, nothing else does."""

import base64
import json
from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.kernel.errors import Untrusted
from andon.releases import keys
from andon.releases.layout import Layout
from andon.releases.sign import IN_TOTO, sign_envelope, verify_envelope

STATEMENT = b'{"_type": "https://in-toto.io/Statement/v1"}'


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    keys.init_development(tmp_path, SystemClock())
    return Layout(tmp_path)


@pytest.fixture
def envelope(layout: Layout) -> bytes:
    return sign_envelope(IN_TOTO, STATEMENT, keys.provenance_signer(layout))


def test_an_envelope_gives_back_what_was_signed(layout: Layout, envelope: bytes) -> None:
    assert verify_envelope(envelope, IN_TOTO, keys.provenance_keys(layout)) == STATEMENT


def test_an_envelope_has_the_form_of_dsse(envelope: bytes) -> None:
    opened = json.loads(envelope)
    assert opened["payloadType"] == IN_TOTO
    assert base64.b64decode(opened["payload"]) == STATEMENT
    assert set(opened["signatures"][0]) == {"keyid", "sig"}


def test_another_payload_is_refused(layout: Layout, envelope: bytes) -> None:
    opened = json.loads(envelope) | {"payload": base64.b64encode(b"{}").decode()}
    with pytest.raises(Untrusted) as refused:
        verify_envelope(json.dumps(opened).encode(), IN_TOTO, keys.provenance_keys(layout))
    assert refused.value.code == "bad-envelope"


def test_the_type_is_signed_too(layout: Layout, envelope: bytes) -> None:
    opened = json.loads(envelope) | {"payloadType": "text/plain"}
    with pytest.raises(Untrusted):
        verify_envelope(json.dumps(opened).encode(), "text/plain", keys.provenance_keys(layout))


def test_an_envelope_of_another_type_is_not_taken_for_this_one(layout: Layout) -> None:
    other = sign_envelope("text/plain", STATEMENT, keys.provenance_signer(layout))
    with pytest.raises(Untrusted) as refused:
        verify_envelope(other, IN_TOTO, keys.provenance_keys(layout))
    assert refused.value.code == "wrong-payload-type"


def test_a_strangers_key_does_not_count(tmp_path: Path, layout: Layout) -> None:
    keys.init_development(tmp_path / "stranger", SystemClock())
    theirs = sign_envelope(IN_TOTO, STATEMENT, keys.provenance_signer(Layout(tmp_path / "stranger")))
    with pytest.raises(Untrusted):
        verify_envelope(theirs, IN_TOTO, keys.provenance_keys(layout))


@pytest.mark.parametrize("garbage", [b"", b"{}", b"[]", b"\xff", b'{"payload": 1}', b"null"])
def test_garbage_is_refused(layout: Layout, garbage: bytes) -> None:
    with pytest.raises(Untrusted):
        verify_envelope(garbage, IN_TOTO, keys.provenance_keys(layout))
