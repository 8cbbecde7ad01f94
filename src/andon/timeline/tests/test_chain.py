"""The canonical form: one text for one record, and a hash that binds all before it."""

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.timeline import chain
from andon.timeline.records import Event, Record, Severity
from andon_wire import merkle

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    Event,
    kind=texts, subject=texts, actor=texts, reason=texts, unit=texts, environment=texts,
    severity=st.sampled_from(Severity),
    before=st.dictionaries(texts, values, max_size=3), after=st.dictionaries(texts, values, max_size=3),
    correlation=texts, role=texts, source=texts,
)  # fmt: skip


def test_a_body_is_this_text() -> None:
    event = Event(
        "rollout.share", "rollout/ro-1", "kim", '김 says "ok"', "mes", "production", Severity.WARNING,
        {"b": 1, "a": [None, 0.1]}, {"share": 0.25}, "req-1", "engineer@line", "10.0.0.7",
    )  # fmt: skip
    seoul = AT.astimezone(timezone(timedelta(hours=9)))
    made = chain.link(7, "11" * 32, seoul, event)
    assert made.body == (
        '{"number":7,"at":"2026-03-01T12:00:00.000000Z","kind":"rollout.share","subject":"rollout/ro-1",'
        '"actor":"kim","unit":"mes","environment":"production","severity":"warning","role":"engineer@line",'
        '"source":"10.0.0.7","reason":"김 says \\"ok\\"","before":{"a":[null,0.1],"b":1},'
        '"after":{"share":0.25},"correlation":"req-1"}'
    )
    assert made.hash == hashlib.sha256(b"\0" + b"\x11" * 32 + made.body.encode()).hexdigest()
    assert bytes.fromhex(made.hash) == merkle.leaf_hash(b"\x11" * 32 + made.body.encode())


@given(st.integers(1, 2**60), st.datetimes(timezones=st.just(UTC)), events)
def test_what_is_written_is_read_the_same(number: int, at: datetime, event: Event) -> None:
    made = chain.link(number, "00" * 32, at, event)
    assert chain.parse(made.body, made.hash) == Record(number, at, event, made.hash)
    assert "\n" not in made.body
    assert list(json.loads(made.body))[:2] == ["number", "at"]
    columns = (event.kind, event.subject, event.actor, event.unit, event.environment, event.severity.value)
    assert made.body.startswith(chain.head(number, chain.stamp(at), columns))
    line = chain.line(bytes(32), bytes.fromhex(made.hash), made.body.encode())
    assert json.loads(line)["hash"] == made.hash
    assert line[chain.BODY_AT : -2].decode() == made.body


@pytest.mark.asvs("16.2.2")
@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_times_are_in_order_as_text(one: datetime, other: datetime) -> None:
    assert (chain.stamp(one) < chain.stamp(other)) is (one < other)
    assert len(chain.stamp(one)) == 27


@pytest.mark.asvs("11.4.3")
@given(st.lists(events, min_size=2, max_size=5), st.data())
def test_a_change_of_any_record_changes_every_hash_after_it(told: list[Event], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(told) - 1))
    other = data.draw(events.filter(lambda each: chain.body(1, AT, each) != chain.body(1, AT, told[at])))
    was = [each.hash for each in chain.chained((AT, each) for each in told)]
    told[at] = other
    now = [each.hash for each in chain.chained((AT, each) for each in told)]
    assert was[:at] == now[:at]
    assert all(one != another for one, another in zip(was[at:], now[at:], strict=True))


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        chain.link(1, "00" * 32, AT, Event("k", "s", "a", "r", after={"x": value}))


@pytest.mark.parametrize("written", ["", "{}", "[]", "null", '{"number":1}', '{"number":"1","at":"2026"}'])
def test_what_is_not_a_body_is_refused(written: str) -> None:
    with pytest.raises(ValueError):
        chain.parse(written)
