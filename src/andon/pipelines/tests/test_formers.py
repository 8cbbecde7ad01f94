"""Deltas lead from what stations have, and from the newest; a release of another platform gives none."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.kernel.errors import AndonError, Damaged, NotFound, Unavailable, Untrusted
from andon.kernel.ids import RunId, Sha256, UnitName, Version
from andon.pipelines.cache import Cache
from andon.pipelines.formers import MOST, Formers, chosen, parts_of
from andon.pipelines.model import Run, RunState, StageName, StageState, StageStatus
from andon.releases.model import Artifact, Release, Role


def content_of(version: str, role: Role) -> bytes:
    return f"{role} of {version}".encode()


def linux(version: str) -> list[Artifact]:
    names = {Role.TREE: "tree-linux-x86_64.json", Role.BUNDLE: "bundle-linux-x86_64.andon"}
    return [
        *(
            Artifact(role, name, Sha256(hashlib.sha256(content_of(version, role)).hexdigest()), 1)
            for role, name in names.items()
        ),
        Artifact(Role.DELTA, "delta-linux-x86_64-from-0.9.andon", Sha256("3" * 64), 1),
    ]


LINUX = linux("1.0.0")


def a_release(version: str, artifacts: list[Artifact] | None = None) -> Release:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    found = tuple(linux(version) if artifacts is None else artifacts)
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
        (into / artifact_name).write_bytes(content_of(version, role))
        return into / artifact_name


def a_run() -> Run:
    frozen = StageStatus(
        StageName.BUNDLE, StageState.DONE, outputs={"facts": {"platform": "linux-x86_64"}, "files": {}}
    )
    return Run(
        id=RunId("run-1"), unit=UnitName("station"), version=Version("2.0.0"), path="", actor="kim",
        state=RunState.RUNNING, stages=(frozen,), created_at=datetime(2026, 3, 1, tzinfo=UTC),
        finished_at=None, reason="", revision=1,
    )  # fmt: skip


async def found_in(shop: Shop, folder: Path) -> set[str]:
    return set(await Formers(shop, shop, Cache(folder)).of(a_run()))


class Slow(Shop):
    """A registry that gives nothing before it may. begun: how many fetches."""

    def __init__(self, *versions: str, errors: dict[str, AndonError] | None = None) -> None:
        super().__init__(*versions, errors=errors or {})
        self.may = asyncio.Event()
        self.begun = 0
        self.stopped = 0

    async def fetch(
        self, unit: UnitName, version: Version, role: Role, into: Path, *, artifact_name: str = ""
    ) -> Path:
        self.begun += 1
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return await super().fetch(unit, version, role, into, artifact_name=artifact_name)


async def woken(ended: asyncio.Event) -> None:
    async with asyncio.timeout(60):
        await ended.wait()
    ended.clear()


async def begun(shop: Slow) -> None:
    async with asyncio.timeout(60):
        while not shop.begun:
            await asyncio.sleep(0)


async def test_the_loop_goes_on_while_they_are_fetched_and_is_woken_when_they_are_there(
    tmp_path: Path,
) -> None:
    shop, ended = Slow("1.0.0"), asyncio.Event()
    formers, run = Formers(shop, shop, Cache(tmp_path), ended.set), a_run()
    assert formers.take(run) is None
    await begun(shop)
    assert formers.take(run) is None
    assert shop.begun == 1  # once per run, however often the loop comes
    shop.may.set()
    await woken(ended)
    assert set(formers.take(run) or ()) == {"1.0.0"}


async def test_what_was_fetched_before_a_crash_is_not_fetched_again(tmp_path: Path) -> None:
    shop, ended = Slow("1.0.0"), asyncio.Event()
    shop.may.set()
    for _ in range(2):  # the second knows nothing of the first
        formers = Formers(shop, shop, Cache(tmp_path), ended.set)
        assert formers.take(a_run()) is None
        await woken(ended)
        assert set(formers.take(a_run()) or ()) == {"1.0.0"}
        fetched, shop.begun = shop.begun, 0
    assert fetched == 0


async def test_an_error_is_told_once_and_then_it_begins_anew(tmp_path: Path) -> None:
    shop, ended = Shop("1.0.0", errors={"1.0.0": Unavailable("store-away", "no answer")}), asyncio.Event()
    formers = Formers(shop, shop, Cache(tmp_path), ended.set)
    assert formers.take(a_run()) is None
    await woken(ended)
    with pytest.raises(Unavailable):
        formers.take(a_run())
    shop.errors.clear()
    assert formers.take(a_run()) is None
    await woken(ended)
    assert formers.take(a_run()) is not None


async def test_a_run_that_is_over_fetches_no_more(tmp_path: Path) -> None:
    shop, ended = Slow("1.0.0"), asyncio.Event()
    formers, run = Formers(shop, shop, Cache(tmp_path), ended.set), a_run()
    formers.take(run)
    await begun(shop)
    formers.forget(run.id)
    await woken(ended)
    assert (shop.begun, shop.stopped) == (1, 1)
    formers.forget(run.id)


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
