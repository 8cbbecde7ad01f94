"""What is sent to outside systems, how it is signed, and what their answers mean."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.errors import Unavailable
from andon.rollouts.outside import webhooks
from andon.rollouts.outside.webhooks import Said, Word

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_signature_is_over_time_and_body() -> None:
    header = webhooks.signature("s3cret", b'{"unit":"mes"}', AT)
    # printf '1772366400.{"unit":"mes"}' | openssl dgst -sha256 -hmac s3cret
    assert header == "t=1772366400,v1=93828437359669bda74294e887f0ffbba228c1a7b3dcd54e88de250620114cb6"
    assert webhooks.verifies("s3cret", b'{"unit":"mes"}', header)
    assert not webhooks.verifies("s3cret", b'{"unit":"mes2"}', header)
    assert not webhooks.verifies("other", b'{"unit":"mes"}', header)
    assert not webhooks.verifies("s3cret", b'{"unit":"mes"}', header.replace("t=1772366400", "t=1772366401"))
    for bad in ("", "t=,v1=", "v1=ab", "t=x,v1=ab", "t=1,v1=é"):
        assert not webhooks.verifies("s3cret", b"{}", bad)


ANSWERS = [
    ({"answer": "yes", "reason": "CAB-12 is approved"}, Said(Word.YES, "CAB-12 is approved")),
    ({"answer": "no"}, Said(Word.NO, "")),
    ({"answer": "wait", "reason": None}, Said(Word.WAIT, "")),
    ({"answer": "yes", "reason": "one\r\ntwo\x1b[31m"}, Said(Word.YES, "one two [31m")),
    ({"answer": "yes", "more": 1}, Said(Word.YES, "")),
]


@pytest.mark.parametrize(("document", "expected"), ANSWERS)
def test_what_an_answer_means(document: dict[str, object], expected: Said) -> None:
    assert webhooks.read(json.dumps(document).encode()) == expected


@pytest.mark.parametrize(
    "answer", [b"", b"yes", b"{}", b"[]", b'"yes"', b'{"answer": true}', b'{"answer": "YES"}', b"\xff\xfe"]
)
def test_what_is_no_answer_is_silence(answer: bytes) -> None:
    with pytest.raises(Unavailable, match="what it said is not"):
        webhooks.read(answer)


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_an_answer_or_silence(answer: bytes) -> None:
    with contextlib.suppress(Unavailable):
        webhooks.read(answer)


@given(st.text(max_size=3000))
def test_a_reason_is_printable_short_and_one_line(text: str) -> None:
    said = webhooks.plain(text)
    assert len(said) <= 500
    assert said.isprintable()
    said.encode()


def test_deep_nesting_is_silence() -> None:
    with pytest.raises(Unavailable):
        webhooks.read(b"[" * 100_000)


def test_who_does_not_answer_is_asked_less_and_less_often() -> None:
    every = timedelta(seconds=10)
    assert webhooks.pause(0, every) == every
    assert [webhooks.pause(each, every).total_seconds() for each in range(1, 12)] == [
        1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300,
    ]  # fmt: skip
    assert webhooks.pause(99, every, timedelta(seconds=10)) == timedelta(seconds=10)
