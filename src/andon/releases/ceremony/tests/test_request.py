"""What comes from a stick: it is read as what it is, or refused in a sentence, whatever was done to it."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.kernel.clock import SystemClock
from andon.kernel.errors import Forbidden, InvalidInput, Untrusted
from andon.releases import keys
from andon.releases.ceremony import holders
from andon.releases.ceremony import request as requests
from andon.releases.ceremony.server import Ceremonies, Change
from andon.releases.layout import Layout
from andon.testing.holders import a_holder

PASSPHRASE = "correct horse battery staple"
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A request for another holder, with targets in it as well."""
    folder = tmp_path_factory.mktemp("asked")
    keys.init_development(folder / "home", SystemClock())
    change = Change(role="targets", add=(a_holder(folder, "kim").public,), remove=("here",))
    outcome = Ceremonies(Layout(folder / "home"), SystemClock()).propose(change, reason="x", by="kim")
    return requests.encode(outcome.request)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> holders.Made:
    return holders.make(tmp_path_factory.mktemp("medium"), "kim", PASSPHRASE)


@pytest.fixture
def public(made: holders.Made) -> bytes:
    return made.public.read_bytes()


def test_a_request_is_read_as_it_was_written(asked: bytes) -> None:
    request = requests.decode(asked)
    assert requests.encode(request) == asked
    assert request.parts == ("root", "targets")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(offset=st.integers(0, 1 << 20), byte=st.integers(0, 255))
def test_a_changed_byte_of_a_request_is_refused_or_changes_nothing_that_is_signed(
    asked: bytes, offset: int, byte: int
) -> None:
    at = offset % len(asked)
    changed = asked[:at] + bytes([byte]) + asked[at + 1 :]
    with contextlib.suppress(InvalidInput, Untrusted):
        assert requests.decode(changed).fingerprint == requests.decode(asked).fingerprint


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), value=_JSON)
def test_another_value_anywhere_in_a_request_is_refused_or_changes_nothing_that_is_signed(
    asked: bytes, data: st.DataObject, value: Any
) -> None:
    document: Any = json.loads(asked)
    at: Any = document
    while True:
        choices = sorted(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(choices))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = value
        break
    with contextlib.suppress(InvalidInput, Untrusted):
        read = requests.decode(json.dumps(document).encode())
        assert read.fingerprint == requests.decode(asked).fingerprint


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_neither_a_request_nor_a_signature(content: bytes) -> None:
    for decode in (requests.decode, requests.decode_signatures):
        with pytest.raises(InvalidInput):
            decode(content)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=_JSON, name=st.sampled_from(["fingerprint", "keyid", "signatures"]))
def test_a_file_of_signatures_with_another_value_is_read_or_refused(value: Any, name: str) -> None:
    good: dict[str, Any] = {
        "format": "andon-signature/1",
        "fingerprint": "1",
        "keyid": "ab",
        "signatures": {"root": "00"},
    }
    with contextlib.suppress(InvalidInput):
        requests.decode_signatures(json.dumps(good | {name: value}).encode())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=_JSON, data=st.data())
def test_a_public_key_with_another_value_is_read_or_refused(
    public: bytes, tmp_path: Path, value: Any, data: st.DataObject
) -> None:
    document: dict[str, Any] = json.loads(public)
    inner = data.draw(st.sampled_from([document, document["key"], document["key"]["keyval"]]))
    inner[data.draw(st.sampled_from(sorted(inner)))] = value
    path = tmp_path / "x.pub.json"
    path.write_text(json.dumps(document))
    with contextlib.suppress(InvalidInput):
        holders.public(path)


def opened(made: holders.Made, place: Path, **changed: Any) -> None:
    """Open a copy of the key with other values in it."""
    path = place / "kim.key.json"
    path.write_text(json.dumps(json.loads(made.key.read_bytes()) | changed))
    holders.load(path, PASSPHRASE)


def test_a_key_that_asks_for_all_memory_is_not_opened(made: holders.Made, tmp_path: Path) -> None:
    kdf = json.loads(made.key.read_bytes())["kdf"]
    with pytest.raises(InvalidInput) as refused:
        opened(made, tmp_path, kdf=kdf | {"n": 1 << 30})
    assert refused.value.code == "bad-key-file"


def test_a_sealed_key_belongs_to_its_holder_and_id(made: holders.Made, tmp_path: Path) -> None:
    for changed in ({"holder": "lee"}, {"keyid": "00" * 32}):
        with pytest.raises(Forbidden):
            opened(made, tmp_path, **changed)
    opened(made, tmp_path)
