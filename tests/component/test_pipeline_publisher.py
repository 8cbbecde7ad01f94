"""What pipelines ask of a registry: one suite for the fake and the real one."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict
from andon.kernel.files import sha256
from andon.kernel.ids import RunId, UnitName, Version
from andon.pipelines.publisher import Publisher
from andon.releases import keys
from andon.releases.model import Artifact, Release, Role
from andon.releases.store import ReleaseStore
from andon.store.engine import Database
from andon.testing.publisher import FakePublisher

MES, ONE = UnitName("mes"), Version("1.0.0")


@pytest.fixture(params=["fake", "real"])
def publisher(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Publisher:
    if request.param == "fake":
        return FakePublisher()
    home = tmp_path / "home"
    keys.init_development(home, SystemClock())
    return ReleaseStore(database, home, SystemClock())


def a_release(folder: Path, content: bytes = b"x") -> tuple[Release, dict[Artifact, Path]]:
    file = folder / content.decode()
    file.write_bytes(content)
    artifact = Artifact(Role.WHEELHOUSE, "mes.tar", sha256(file), len(content))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Release(MES, ONE, (artifact,), "commit", RunId("run-1"), at), {artifact: file}


async def test_a_release_is_found_after_it_was_published(publisher: Publisher, tmp_path: Path) -> None:
    release, files = a_release(tmp_path)
    assert await publisher.find(MES, ONE) is None
    assert await publisher.publish(release, files, "kim") == release
    assert await publisher.find(MES, ONE) == release


async def test_publishing_again_gives_the_first_release(publisher: Publisher, tmp_path: Path) -> None:
    release, files = a_release(tmp_path)
    await publisher.publish(release, files, "kim")
    assert await publisher.publish(replace(release, run=RunId("run-2")), files, "lee") == release


@pytest.mark.part11("11.10(k)")
async def test_other_content_under_the_same_version_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    await publisher.publish(*a_release(tmp_path), "kim")
    with pytest.raises(Conflict):
        await publisher.publish(*a_release(tmp_path, b"y"), "kim")


async def test_an_envelope_carries_its_payload(publisher: Publisher) -> None:
    envelope = json.loads(publisher.sign_envelope("text/plain", b"payload"))
    assert base64.b64decode(envelope["payload"]) == b"payload"
    assert envelope["payloadType"] == "text/plain"
