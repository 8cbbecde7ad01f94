"""Rollouts of a small unit on real processes, through the command line, with traffic through the gateway."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import pytest
import pytest_asyncio

from andon.testing.ports import free_port
from tests.system.floor import Floor, View, floor
from tests.system.load import Load
from tests.system.small_unit import Place

pytestmark = [pytest.mark.timeout(1500), pytest.mark.asyncio(loop_scope="module")]

CLIENTS = 4
RELEASES = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0")
PLACES = [
    Place("production", strategy="canary"),
    Place("blue", strategy="blue-green"),
    Place("rolling", strategy="rolling"),
    Place("recreate", strategy="recreate"),
    Place("silent", strategy="canary", max_wait="5s"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    places = {each.name: Place(each.name, free_port(), each.strategy, each.max_wait) for each in PLACES}
    async with floor(tmp_path_factory.mktemp("floor"), places) as made:
        await made.ship(*RELEASES)
        yield made


async def answered_by(load: Load, requests: int = 60) -> set[str]:
    """Which releases answer the next requests."""
    load.bodies.clear()
    begun = load.sent
    async with load.running(2):
        await load.until(lambda: load.sent >= begun + requests)
    return set(load.bodies)


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process neither answers nor ends while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def finding(rollout: View, metric: str) -> View:
    found: View = next(each for each in rollout["verdict"]["findings"] if each["metric"] == metric)
    return found


async def has_left_before_it_stopped(plant: Floor, rollout: View, load: Load) -> None:
    """Share 0 was confirmed, and true at the gateway, before any instance of the candidate was stopped."""
    said = await plant.timeline(environment=rollout["environment"])
    own = [each for each in said if each["subject"] == f"rollout/{rollout['id']}"]
    kinds = [each["kind"] for each in own]
    assert kinds[kinds.index("rollout.rollback") :] == [
        "rollout.rollback",
        "rollout.draining",
        "rollout.stopping",
        "rollout.verifying",
        "rollout.returned",
    ]
    draining = own[kinds.index("rollout.draining")]
    assert draining["reason"] == f"the gateway confirmed share 0 of {rollout['candidate']}"
    stopped = [
        each["number"]
        for each in said
        if each["kind"] == "instance.stopped"
        and each["after"]["version"] == rollout["candidate"]
        and each["number"] > own[0]["number"]
    ]
    assert stopped
    assert min(stopped) > draining["number"]
    stopping = datetime.fromisoformat(own[kinds.index("rollout.stopping")]["at"])
    assert load.last_sent[rollout["candidate"]] < stopping.timestamp()


async def test_a_good_release_is_promoted_by_evidence(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    async with load.running(CLIENTS):
        rollout = await plant.deploy("1.1.0", "production", expected=0)
    assert (rollout["phase"], rollout["trigger"]) == ("promoted", None)
    assert {each["outcome"] for each in rollout["verdict"]["findings"]} == {"pass"}
    assert finding(rollout, "yield")["candidate"]["exposure"] > 0
    said = await plant.timeline(subject=f"rollout/{rollout['id']}")
    assert [each["after"]["share"] for each in said if each["kind"] == "rollout.confirmed"] == [0.3, 1.0]
    assert all(each["reason"] and each["actor"] for each in said)
    assert load.failed() == {}
    assert set(load.bodies) == {"1.0.0", "1.1.0"}
    assert await answered_by(load) == {"1.1.0"}
    assert {each["version"] for each in await plant.instances("production")} == {"1.1.0"}


@pytest.mark.parametrize(
    ("version", "metric", "its_own"), [("1.2.0", "yield", ()), ("1.3.0", "errors", ("500",))]
)
async def test_a_bad_release_is_taken_back(
    plant: Floor, version: str, metric: str, its_own: tuple[str, ...]
) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    async with load.running(CLIENTS):
        rollout = await plant.deploy(version, "production", expected=1)
    assert (rollout["phase"], rollout["trigger"]) == ("returned", "judge")
    guilty = [each["metric"] for each in rollout["verdict"]["findings"] if each["outcome"] == "fail"]
    assert guilty == [metric]
    assert load.failed(*its_own) == {}
    assert version in load.bodies
    assert await answered_by(load) == {"1.0.0"}
    await has_left_before_it_stopped(plant, rollout, load)
    assert {each["version"] for each in await plant.instances("production")} == {"1.0.0"}


async def test_a_release_that_dies_of_its_start_never_gets_a_request(plant: Floor) -> None:
    await plant.with_stable("production")
    before = {each["pid"] for each in await plant.instances("production")}
    load = plant.load("production")
    async with load.running(2):
        rollout = await plant.deploy("1.4.0", "production", expected=1)
    assert (rollout["phase"], rollout["trigger"]) == ("returned", "crash-loop")
    assert "configuration is missing" in next(
        each["reason"]
        for each in await plant.timeline(subject=f"rollout/{rollout['id']}")
        if each["kind"] == "rollout.rollback"
    )
    assert (load.failed(), set(load.bodies)) == ({}, {"1.0.0"})
    assert {each["pid"] for each in await plant.instances("production")} == before


@pytest.mark.parametrize(("environment", "shares"), [("blue", [0.3, 1.0]), ("rolling", [0.5, 1.0])])
async def test_other_strategies_promote_without_a_gap(
    plant: Floor, environment: str, shares: list[float]
) -> None:
    await plant.with_stable(environment)
    load = plant.load(environment)
    async with load.running(CLIENTS):
        rollout = await plant.deploy("1.1.0", environment, expected=0)
    assert [each["share"] for each in rollout["plan"]["steps"]] == shares
    assert rollout["phase"] == "promoted"
    assert load.failed() == {}
    assert await answered_by(load) == {"1.1.0"}


async def test_recreate_says_that_there_is_a_gap_and_leaves_one(plant: Floor) -> None:
    await plant.with_stable("recreate")
    preview = await plant.said(
        "deploy", "parts", "--version", "1.1.0", "--environment", "recreate", "--dry-run", "--json"
    )
    assert preview.json["needs_gap"]
    assert "there is a gap in service" in " ".join(preview.json["notes"])
    load = plant.load("recreate")
    async with load.running(1):
        rollout = await plant.deploy("1.1.0", "recreate", expected=0)
    assert rollout["phase"] == "promoted"
    assert load.failed("503") == {}
    assert load.answers["503"] > 0
    assert await answered_by(load) == {"1.1.0"}


async def test_a_person_pauses_resumes_and_promotes(plant: Floor) -> None:
    await plant.with_stable("production")
    rollout = await plant.begin("1.1.0", "production")
    await plant.serving(rollout)
    await plant.said("pause", "parts", "--reason", "shift change")
    seen = await plant.until(f"/rollouts/{rollout}", lambda seen: seen["is_paused"])
    assert seen["waiting_for"] in {"", "paused until a person resumes it"}
    await plant.said("resume", "parts", "--reason", "they are here")
    await plant.until(f"/rollouts/{rollout}", lambda seen: not seen["is_paused"])
    # Nobody sends requests, so there is no evidence: only a person's word moves it.
    await plant.said("promote", rollout, "--reason", "seen on the line")
    await plant.until(f"/rollouts/{rollout}", lambda seen: seen["step"] == 1 and seen["stage"] == "serving")
    await plant.said("promote", "parts", "--reason", "seen again", "--watch")
    said = await plant.timeline(subject=f"rollout/{rollout}")
    asked = [each["reason"] for each in said if each["kind"] == "rollout.requested"]
    assert asked == ["shift change", "they are here", "seen on the line", "seen again"]
    assert await plant.stable("production") == "1.1.0"


async def test_an_abort_returns_and_tells_it_by_the_exit_code(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    async with load.running(2):
        rollout = await plant.begin("1.5.0", "production")
        await load.until(lambda: load.bodies["1.5.0"] > 0)
        await plant.said("abort", "parts", "--reason", "wrong release", "--watch", expected=1)
    seen = await plant.rollout(rollout)
    assert (seen["phase"], seen["trigger"]) == ("returned", "abort")
    assert load.failed() == {}
    assert await answered_by(load) == {"1.0.0"}
    await has_left_before_it_stopped(plant, seen, load)


async def test_nothing_is_stopped_while_the_gateway_does_not_confirm_share_0(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    async with load.running(2):
        rollout = await plant.begin("1.5.0", "production")
        await load.until(lambda: load.bodies["1.5.0"] > 0)
        with frozen(plant.gateway_pid()):
            await plant.said("abort", "parts", "--reason", "wrong release")
            await plant.until(
                f"/rollouts/{rollout}",
                lambda seen: seen["waiting_for"] == "the gateway has not confirmed share 0 of 1.5.0",
            )
            assert [each["state"] for each in await plant.instances("production", "1.5.0")] == ["ready"]
        assert (await plant.over(rollout))["phase"] == "returned"
    assert load.failed() == {}
    assert await answered_by(load) == {"1.0.0"}


async def test_nothing_advances_while_the_cord_is_pulled(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    rollout = await plant.begin("1.1.0", "production")
    await plant.serving(rollout)
    # No request yet, so no evidence: it stands at its first step however late the cord comes.
    await plant.said("cord", "--reason", "line 2 stands")
    frozen = await plant.until(f"/rollouts/{rollout}", lambda seen: seen["frozen_at"])
    async with load.running(CLIENTS):
        # It has all that it needs to go on, and more: the verdict is there, and looks go on.
        passed = await plant.until(
            f"/rollouts/{rollout}",
            lambda seen: seen["verdict"] and seen["verdict"]["outcome"] == "pass",
        )
        looked = await plant.until(
            f"/rollouts/{rollout}", lambda seen: seen["looked_at"] > passed["looked_at"]
        )
        assert (looked["step"], looked["share"]) == (frozen["step"], frozen["share"]) == (0, 0.3)
        refused = await plant.said(
            "deploy", "parts", "--version", "1.1.0", "--environment", "blue", expected=1
        )
        assert "cord" in refused.err
        await plant.said("promote", rollout, "--reason", "I want it", expected=1)
        without = await plant.said("cord", "--release", expected=2)
        assert "reason" in without.err
        await plant.said("cord", "--release", "--reason", "cleared with quality")
        assert (await plant.over(rollout))["phase"] == "promoted"
    assert load.failed() == {}


async def test_the_cord_takes_everything_to_stable(plant: Floor) -> None:
    await plant.with_stable("production")
    load = plant.load("production")
    async with load.running(2):
        rollout = await plant.begin("1.5.0", "production")
        await load.until(lambda: load.bodies["1.5.0"] > 0)
        await plant.said("cord", "--return", "--reason", "bad parts")
        seen = await plant.over(rollout)
    assert (seen["phase"], seen["trigger"]) == ("returned", "cord")
    assert load.failed() == {}
    assert await answered_by(load) == {"1.0.0"}
    await plant.said("cord", "--release", "--reason", "sorted out")


async def test_a_rollback_goes_to_the_former_release_or_the_one_named(plant: Floor) -> None:
    await plant.with_stable("blue", "1.0.0")
    load = plant.load("blue")
    async with load.running(CLIENTS):
        assert (await plant.deploy("1.1.0", "blue", expected=0))["phase"] == "promoted"
        words = ("rollback", "parts", "--environment", "blue")
        missing = await plant.said(*words, expected=2)
        assert "reason" in missing.err
        await plant.said(*words, "--reason", "customer complaint", "--watch")
        assert await plant.stable("blue") == "1.0.0"
        await plant.said(*words, "--to", "1.1.0", "--reason", "it was not that", "--watch")
        assert await plant.stable("blue") == "1.1.0"
    assert load.failed() == {}
    assert await answered_by(load) == {"1.1.0"}


async def test_a_release_that_was_tampered_with_is_refused_and_alerted(plant: Floor) -> None:
    await plant.with_stable("production")
    (archive,) = (plant.plant.home / "registry" / "targets" / "parts" / "1.6.0").glob("*-wheelhouse.tar")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    load = plant.load("production")
    async with load.running(2):
        rollout = await plant.deploy("1.6.0", "production", expected=1)
    assert (rollout["phase"], rollout["trigger"]) == ("returned", "untrusted")
    said = [
        each
        for each in await plant.timeline(environment="production")
        if each["after"].get("version") == "1.6.0" or each["subject"].endswith(rollout["id"])
    ]
    assert {"instance.refused", "rollout.rollback"} <= {
        each["kind"] for each in said if each["severity"] == "alert"
    }
    assert not {"instance.started", "instance.ready"} & {each["kind"] for each in said}
    assert not list((plant.plant.home / "installs" / "parts").glob("1.6.0-*/bin"))
    assert (load.failed(), set(load.bodies)) == ({}, {"1.0.0"})


async def test_silence_never_promotes(plant: Floor) -> None:
    await plant.with_stable("silent")
    load = plant.load("silent")
    async with load.running(CLIENTS):
        rollout = await plant.deploy("1.5.0", "silent", expected=3)
    assert (rollout["phase"], rollout["trigger"]) == ("returned", "no-evidence")
    said = await plant.timeline(subject=f"rollout/{rollout['id']}")
    assert max(each["after"].get("share", 0) for each in said) == 0.3
    (why,) = (each["reason"] for each in said if each["kind"] == "rollout.rollback")
    assert why.startswith("no verdict within 5 s: yield: no evidence from the candidate yet")
    assert load.failed() == {}
    assert await answered_by(load) == {"1.0.0"}
