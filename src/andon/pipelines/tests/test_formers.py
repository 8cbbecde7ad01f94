"""Deltas lead from what stations have, and from the newest; a release of another platform gives none."""

from datetime import UTC, datetime

from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.pipelines.formers import MOST, chosen, parts_of
from andon.releases.model import Artifact, Release, Role

LINUX = [
    Artifact(Role.TREE, "tree-linux-x86_64.json", Sha256("1" * 64), 1),
    Artifact(Role.BUNDLE, "bundle-linux-x86_64.andon", Sha256("2" * 64), 1),
    Artifact(Role.DELTA, "delta-linux-x86_64-from-0.9.andon", Sha256("3" * 64), 1),
]


def a_release(version: str, artifacts: list[Artifact] | None = None) -> Release:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    found = tuple(LINUX if artifacts is None else artifacts)
    return Release(UnitName("station"), Version(version), found, "x", RunId("run-1"), at)


def versions(field: set[str], own: str = "1.10.0") -> list[str]:
    releases = [a_release(each) for each in ("1.10.0", "1.2.0", "1.9.0", "1.1.0", "1.0.0")]
    return [each.version for each in chosen(releases, {Version(each) for each in field}, Version(own))]


def test_the_newest_is_always_one_and_own_never() -> None:
    assert versions(set()) == ["1.9.0"]
    assert versions({"1.10.0"}) == ["1.9.0"]


def test_what_stations_have_comes_newest_first_by_version_and_not_by_text() -> None:
    assert versions({"1.0.0", "1.2.0", "1.9.0"}) == ["1.9.0", "1.2.0", "1.0.0"]


def test_they_are_bounded_by_leaving_out_the_oldest() -> None:
    releases = [a_release(f"1.{number}.0") for number in range(30)]
    found = chosen(releases, {each.version for each in releases}, Version("2.0.0"))
    assert [each.version for each in found] == [f"1.{number}.0" for number in range(29, 29 - MOST, -1)]


def test_only_a_release_with_tree_and_bundle_for_the_platform_can_lead_on() -> None:
    assert parts_of(a_release("1.0.0"), "linux-x86_64") == {Role.TREE: LINUX[0], Role.BUNDLE: LINUX[1]}
    assert parts_of(a_release("1.0.0"), "windows-amd64") is None
    assert parts_of(a_release("1.0.0", LINUX[:1]), "linux-x86_64") is None
    assert parts_of(a_release("1.0.0", []), "linux-x86_64") is None
