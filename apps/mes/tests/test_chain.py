"""Whatever is done to a sealed record or seal is found, and named."""

from dataclasses import replace
from datetime import UTC, datetime

from andon_mes.audit.chain import GENESIS, Finding, Links, Record, Tampering, compare, make_seal
from hypothesis import given
from hypothesis import strategies as st

T0 = datetime(2025, 11, 10, 3, tzinfo=UTC)


def a_chain(seals=5, size=3):
    """Seals with their records, as they were made."""
    made, previous = [], GENESIS
    for place in range(seals):
        first = place * size + 1
        records = [Record(n, ("lots", str(n), None, f'{{"n": {n}}}')) for n in range(first, first + size)]
        seal = replace(make_seal(previous, records, T0, None), id=place + 1)
        made.append((seal, records))
        previous = seal.digest
    return made


def checked(chain):
    links, found = Links(), []
    for seal, records in chain:
        found += links.follow(seal)
        found += compare(seal.named(), records)
    return [*found, *links.end()]


def test_nothing_is_found_where_nothing_was_done():
    assert checked(a_chain()) == []
    assert checked([]) == []


@given(st.integers(0, 4), st.integers(0, 2), st.integers(0, 3))
def test_an_altered_record_is_named(seal, place, field):
    chain = a_chain()
    records = chain[seal][1]
    content = list(records[place].content)
    content[field] = "forged"
    records[place] = Record(records[place].id, tuple(content))
    assert checked(chain) == [Finding(Tampering.ALTERED, "record", records[place].id)]


@given(st.integers(0, 4), st.integers(0, 2))
def test_a_missing_record_is_named(seal, place):
    chain = a_chain()
    gone = chain[seal][1].pop(place)
    assert checked(chain) == [Finding(Tampering.MISSING, "record", gone.id)]


@given(st.integers(0, 4))
def test_an_inserted_record_is_named(seal):
    chain = a_chain()
    chain[seal][1].append(Record(99, ("lots", "1", None, "forged")))
    assert checked(chain) == [Finding(Tampering.INSERTED, "record", 99)]


@given(st.integers(0, 4))
def test_two_exchanged_records_are_named(seal):
    chain = a_chain()
    records = chain[seal][1]
    records[0], records[1] = replace(records[1], id=records[0].id), replace(records[0], id=records[1].id)
    expected = [Finding(Tampering.REORDERED, "record", each.id) for each in records[:2]]
    assert checked(chain) == expected


@given(st.integers(0, 4), st.sampled_from(["previous", "digest", "leaves", "sealed_at", "horizon"]))
def test_an_altered_seal_is_named(place, what):
    chain = a_chain()
    seal, records = chain[place]
    value = {"horizon": 7, "sealed_at": datetime(2026, 1, 1, tzinfo=UTC), "leaves": seal.leaves + "\n99 f"}
    chain[place] = (replace(seal, **{what: value.get(what, "f" * 64)}), records)
    found = [each for each in checked(chain) if each.what == "seal"]
    assert found == [Finding(Tampering.ALTERED, "seal", seal.id)]


@given(st.integers(0, 3))
def test_a_missing_seal_is_named(place):
    chain = a_chain()
    gone, _ = chain.pop(place)
    assert checked(chain) == [Finding(Tampering.MISSING, "seal", gone.id)]


@given(st.integers(1, 4))
def test_an_inserted_seal_is_named(place):
    chain = a_chain()
    forged = [Record(50, ("lots", "1", None, "forged"))]
    seal = make_seal(chain[place - 1][0].digest, forged, T0, None)
    chain = [(replace(each, id=each.id + (at >= place)), of) for at, (each, of) in enumerate(chain)]
    chain.insert(place, (replace(seal, id=place + 1), forged))
    assert checked(chain) == [Finding(Tampering.INSERTED, "seal", place + 1)]


@given(st.integers(0, 3))
def test_two_exchanged_seals_are_named(place):
    chain = a_chain()
    one, two = chain[place], chain[place + 1]
    chain[place] = (replace(two[0], id=one[0].id), two[1])
    chain[place + 1] = (replace(one[0], id=two[0].id), one[1])
    assert Finding(Tampering.REORDERED, "seal", place + 1) in checked(chain)


def test_a_seal_covers_its_time_its_horizon_and_the_one_before():
    seal = make_seal(GENESIS, [], T0, 7)
    others = [make_seal("1" * 64, [], T0, 7), make_seal(GENESIS, [], T0, 8)]
    assert len({seal.digest, *(each.digest for each in others)}) == 3
