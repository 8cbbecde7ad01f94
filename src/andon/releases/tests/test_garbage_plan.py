"""What may go: enumerated over small registries, and never what somebody needs."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.kernel.ids import Sha256, UnitName, Version
from andon.releases.garbage.model import Candidate, Rules, Use
from andon.releases.garbage.plan import plan
from andon.releases.mirroring.model import TargetFile

pytestmark = pytest.mark.unit

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD = NOW - timedelta(days=400)
HASH = Sha256("ab" * 32)


def a_candidate(
    version: str, *bases: str, unit: str = "station", age: timedelta = timedelta(days=400)
) -> Candidate:
    names = ["release.json", *(f"delta-linux-x86_64-from-{each}.andon" for each in bases)]
    files = [
        TargetFile(unit, version, each, f"targets/{unit}/{version}/{HASH}.{each}", HASH, 1) for each in names
    ]
    return Candidate(unit, version, NOW - age, tuple(files))


def a_use(version: str, unit: str = "station") -> Use:
    return Use(UnitName(unit), Version(version), "runs on press-3")


def ids(candidates: tuple[Candidate, ...]) -> list[str]:
    return [each.id for each in candidates]


def test_what_somebody_uses_stays_with_its_reason() -> None:
    made = plan([a_candidate("1.0.0"), a_candidate("1.1.0")], [a_use("1.0.0")], Rules(keep=1), NOW)
    assert made.kept["station@1.0.0"] == "runs on press-3"
    assert made.releases == ()


def test_the_newest_of_each_unit_stay() -> None:
    ages = {f"1.{number}.0": timedelta(days=400 - number) for number in range(5)}
    mes = [a_candidate(version, unit="mes", age=age) for version, age in ages.items()]
    made = plan([*mes, a_candidate("9.0.0")], [], Rules(keep=2), NOW)
    assert ids(made.releases) == ["mes@1.0.0", "mes@1.1.0", "mes@1.2.0"]
    assert set(made.kept) == {"mes@1.3.0", "mes@1.4.0", "station@9.0.0"}


def test_what_is_young_stays_as_it_may_be_on_its_way() -> None:
    young = [a_candidate(f"1.{number}.0", age=timedelta(days=6)) for number in range(3)]
    assert plan(young, [], Rules(keep=1), NOW).releases == ()
    assert len(plan(young, [], Rules(keep=1, grace=timedelta(days=5)), NOW).releases) == 2


def test_a_delta_stays_as_long_as_somebody_has_where_it_begins() -> None:
    releases = [
        a_candidate("1.0.0"),
        a_candidate("1.1.0", "1.0.0", age=timedelta(days=300)),
        a_candidate("1.2.0", "1.0.0", "1.1.0", age=timedelta(days=200)),
    ]
    made = plan(releases, [a_use("1.1.0")], Rules(keep=1), NOW)
    assert ids(made.releases) == ["station@1.0.0"]
    assert [(each.version, each.name) for each in made.deltas] == [
        ("1.1.0", "delta-linux-x86_64-from-1.0.0.andon"),
        ("1.2.0", "delta-linux-x86_64-from-1.0.0.andon"),
    ]


def test_a_delta_from_a_release_that_is_no_more_but_runs_somewhere_stays() -> None:
    made = plan([a_candidate("1.2.0", "1.0.0")], [a_use("1.0.0")], Rules(keep=1), NOW)
    assert made.is_empty


def test_a_use_of_one_unit_is_none_of_another() -> None:
    releases = [a_candidate("1.0.0", unit="mes"), a_candidate("1.1.0", unit="mes")]
    assert ids(plan(releases, [a_use("1.0.0")], Rules(keep=1), NOW).releases) == ["mes@1.0.0"]


def test_over_all_small_registries_nothing_goes_that_anybody_needs() -> None:
    """Four releases with deltas from all before; any of them used, any rule."""
    versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    releases = [
        a_candidate(each, *versions[:number], age=timedelta(days=400 - 100 * number))
        for number, each in enumerate(versions)
    ]
    for used in itertools.chain.from_iterable(itertools.combinations(versions, n) for n in range(5)):
        for keep, days in itertools.product(range(5), (7, 150, 250, 1000)):
            made = plan(releases, [a_use(each) for each in used], Rules(keep, timedelta(days=days)), NOW)
            gone, stay = {each.version for each in made.releases}, {each[8:] for each in made.kept}
            assert gone.isdisjoint(used)
            assert gone.isdisjoint(versions[len(versions) - keep :])
            assert gone | stay == set(versions)
            assert gone.isdisjoint(stay)
            for each in made.deltas:
                base = each.name.removeprefix("delta-linux-x86_64-from-").removesuffix(".andon")
                assert each.version in stay
                assert base in gone
            lost = {(each.version, each.name) for each in made.deltas}
            for release in releases:
                for file in release.files:
                    base = file.name.removeprefix("delta-linux-x86_64-from-").removesuffix(".andon")
                    if release.version in stay and base in gone:
                        assert (release.version, file.name) in lost


@given(st.lists(st.integers(0, 500), max_size=8), st.integers(0, 9), st.integers(0, 9))
def test_a_second_plan_of_what_stays_takes_nothing_more(ages: list[int], keep: int, used: int) -> None:
    releases = [
        a_candidate(f"1.{number}.0", f"1.{number - 1}.0", age=timedelta(days=age))
        for number, age in enumerate(ages, start=1)
    ]
    uses = [a_use(f"1.{used}.0")]
    first = plan(releases, uses, Rules(keep), NOW)
    dropped = set(first.deltas)
    rest = [
        Candidate(e.unit, e.version, e.created_at, tuple(f for f in e.files if f not in dropped))
        for e in releases
        if e.id in first.kept
    ]
    assert plan(rest, uses, Rules(keep), NOW).is_empty
