"""Deltas lead from what stations have, and from the newest; a release of another platform gives none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.kernel.errors import AndonError, Damaged, NotFound, Unavailable, Untrusted
from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.pipelines.cache import Cache
from andon.pipelines.formers import MOST, Formers, chosen, parts_of
from andon.pipelines.model import Run, RunState, StageName, StageState, StageStatus
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


class Shop:
    """A registry and a field: releases whose files are their own names, but for what `errors` says."""

    def __init__(self, *versions: str, errors: dict[str, AndonError]) -> None:
        self.releases = [a_release(each) for each in versions]
        self.errors = errors

    async def list(self, unit: UnitName | None = None) -> list[Release]:
        return self.releases

    async def versions(self, unit: UnitName) -> set[Version]:
        return {each.version for each in self.releases}

    async def fetch(
        self, unit: UnitName, version: Version, role: Role, into: Path, *, artifact_name: str = ""
    ) -> Path:
        if version in self.errors:
            raise self.errors[version]
        (into / artifact_name).write_text(f"{version} {artifact_name}")
        return into / artifact_name


async def found_in(shop: Shop, folder: Path) -> set[str]:
    frozen = StageStatus(
        StageName.BUNDLE, StageState.DONE, outputs={"facts": {"platform": "linux-x86_64"}, "files": {}}
    )
    run = Run(
        id=RunId("run-1"), unit=UnitName("station"), version=Version("2.0.0"), path="", actor="kim",
        state=RunState.RUNNING, stages=(frozen,), created_at=datetime(2026, 3, 1, tzinfo=UTC),
        finished_at=None, reason="", revision=1,
    )  # fmt: skip
    return set(await Formers(shop, shop, Cache(folder)).of(run))


GONE = {
    "1.0.0": NotFound("release-revoked", "station@1.0.0 was revoked"),
    "1.1.0": Untrusted("hash-mismatch", "it was changed"),
    "1.2.0": Damaged("release-contradicts", "it is signed with another hash"),
}


async def test_a_former_release_that_cannot_be_had_any_more_keeps_no_new_one_from_its_deltas(
    tmp_path: Path,
) -> None:
    """Else what replaces a release that was revoked could never be published."""
    assert await found_in(Shop("1.3.0", *GONE, errors=GONE), tmp_path) == {"1.3.0"}


async def test_a_registry_that_does_not_answer_now_is_asked_again(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await found_in(Shop("1.0.0", errors={"1.0.0": Unavailable("store-away", "no answer")}), tmp_path)
