"""Who may what, on real processes: people sign in, propose, approve and sign through the command line."""

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from andon.testing.ports import free_port
from tests.system.floor import Floor, floor
from tests.system.small_unit import Place

pytestmark = [pytest.mark.timeout(1500), pytest.mark.asyncio(loop_scope="module")]

ENGINEER, APPROVER, BOTH, VIEWER = "kim", "park", "han", "lee"
SECRET = "the-password-of-the-mail-server"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    places = {each: Place(each, free_port()) for each in ("production", "staging")}
    async with floor(tmp_path_factory.mktemp("floor"), places, is_guarded=True) as made:
        await made.plant.hire(ENGINEER, "Kim Minji", "engineer")
        await made.plant.hire(APPROVER, "Park Jiwoo", "approver")
        await made.plant.hire(BOTH, "Han Seoyeon", "engineer", "approver")
        await made.plant.hire(VIEWER, "Lee Dohyun", "viewer")
        await made.ship("1.0.0", "1.1.0", "1.5.0", by=ENGINEER)
        await made.ship("1.6.0", by=BOTH)
        await made.plant.said(
            "secrets", "set", "mail", "--value-stdin", "--reason", "test", stdin=SECRET + "\n"
        )
        yield made


async def gated(plant: Floor, version: str, by: str = ENGINEER) -> str:
    """A rollout to production that waits at its gate."""
    rollout = await plant.begin(version, "production", by=by)
    await plant.until(
        f"/rollouts/{rollout}", lambda seen: seen["stage"] == "gated" and "approval" in seen["waiting_for"]
    )
    return rollout


async def over(plant: Floor, rollout: str) -> None:
    """End it, so that the next may begin."""
    seen = await plant.rollout(rollout)
    if not seen["is_over"]:
        await plant.signed("abort", rollout, "--reason", "the test is over", by=ENGINEER)
        await plant.over(rollout)


async def with_stable(plant: Floor, version: str = "1.0.0") -> None:
    """Production is at `version`, with nothing under way."""
    for each in await plant.plant.get("/rollouts", unit="parts", environment="production", limit=1):
        await over(plant, each["id"])
    stable = await plant.stable("production")
    if stable is None:
        rollout = await gated(plant, version)
        await plant.signed("approve", rollout, "--reason", "the first", "--watch", by=APPROVER)
    elif stable != version:
        words = ("rollback", "parts", "--to", version, "--reason", "next test")
        rollout = (await plant.signed(*words, "--json", by=ENGINEER)).json["id"]
        if (await plant.rollout(rollout))["stage"] == "gated":
            await plant.signed("approve", rollout, "--reason", "next test", by=APPROVER)
        await plant.over(rollout)
    assert await plant.stable("production") == version


@pytest.mark.part11("11.10(f)")
async def test_a_proposal_for_production_runs_nothing_until_an_approver_has_signed_it(plant: Floor) -> None:
    await with_stable(plant)
    load = plant.load("production")
    async with load.running(4):
        rollout = await gated(plant, "1.1.0")
        assert await plant.instances("production", "1.1.0") == []
        said = await plant.signed("approve", rollout, "--reason", "seen", "--watch", "--json", by=APPROVER)
    assert (said.json["phase"], load.failed()) == ("promoted", {})
    assert await plant.stable("production") == "1.1.0"
    (signed,) = (await plant.said("signatures", "list", "--subject", f"rollout/{rollout}", "--json")).json
    assert (signed["signer"], signed["display_name"]) == (APPROVER, "Park Jiwoo")
    assert (signed["meaning"], signed["reason"], signed["standing"]) == ("approved", "seen", "valid")
    told = await plant.timeline(subject=f"rollout/{rollout}")
    assert told[0]["actor"] == ENGINEER
    (made,) = [each for each in told if each["kind"] == "signature.made"]
    assert (made["actor"], made["after"]["id"]) == (APPROVER, signed["id"])
    assert made["role"].startswith("approver")
    (approved,) = [each for each in told if each["kind"] == "rollout.approved"]
    assert (approved["actor"], approved["after"]["signature"]) == (APPROVER, signed["id"])


async def test_outside_production_an_engineer_needs_nobody(plant: Floor) -> None:
    rollout = await plant.begin("1.0.0", "staging", by=ENGINEER)
    assert (await plant.over(rollout))["phase"] == "promoted"


async def test_who_may_not_approve_is_told_which_right_is_missing(plant: Floor) -> None:
    await with_stable(plant)
    rollout = await gated(plant, "1.1.0")
    for login in (ENGINEER, VIEWER):
        said = await plant.signed("approve", rollout, "--reason", "I like it", by=login, expected=1)
        assert f"{login} lacks rollouts.approve" in said.err
    seen = await plant.rollout(rollout)
    assert (seen["stage"], seen["gate"]["approvals"]) == ("gated", [])
    await over(plant, rollout)


@pytest.mark.part11("11.10(g)")
async def test_who_shipped_and_proposed_it_cannot_be_the_only_one_who_approves(plant: Floor) -> None:
    await with_stable(plant)
    rollout = await gated(plant, "1.6.0", by=BOTH)
    said = await plant.signed("approve", rollout, "--reason", "mine", by=BOTH, expected=1)
    assert "shipped or proposed" in said.err
    assert (await plant.rollout(rollout))["gate"]["approvals"] == []
    await over(plant, rollout)


async def test_a_wrong_password_signs_nothing_and_so_does_somebody_elses(plant: Floor) -> None:
    await with_stable(plant)
    rollout = await gated(plant, "1.1.0")
    words = ("approve", rollout, "--reason", "seen", "--meaning", "approved", "--password-stdin")
    wrong = await plant.said(*words, "--user", APPROVER, by=APPROVER, stdin="not it\n", expected=1)
    assert "wrong" in wrong.err or "bad-credentials" in wrong.err
    other = plant.plant.people.get(BOTH)
    said = await plant.said(*words, "--user", BOTH, by=APPROVER, stdin=other.password + "\n", expected=1)
    assert "oneself" in said.err
    assert (await plant.rollout(rollout))["gate"]["approvals"] == []
    await over(plant, rollout)


async def test_a_token_may_look_and_never_signs(plant: Floor, tmp_path: Path) -> None:
    await with_stable(plant)
    file = tmp_path / "token"
    words = ("tokens", "create", "robot", "--grant", "approver", "--output", str(file), "--reason", "a test")
    await plant.said(*words, by=APPROVER)
    with_token = ("--token-file", str(file))
    assert (await plant.said(*with_token, "status", "--json", by=APPROVER)).json["units"]
    rollout = await gated(plant, "1.1.0")
    said = await plant.signed(*with_token, "approve", rollout, "--reason", "seen", by=APPROVER, expected=1)
    assert "token" in said.err
    assert (await plant.rollout(rollout))["stage"] == "gated"
    await over(plant, rollout)


async def test_an_abort_in_production_is_signed(plant: Floor) -> None:
    await with_stable(plant)
    rollout = await gated(plant, "1.5.0")
    await plant.signed("approve", rollout, "--reason", "seen", by=APPROVER)
    await plant.serving(rollout)
    said = await plant.said("abort", rollout, "--reason", "wrong", by=ENGINEER, expected=1)
    assert "--password-stdin" in said.err
    assert not (await plant.rollout(rollout))["is_over"]
    await plant.signed("abort", rollout, "--reason", "wrong", by=ENGINEER, meaning="responsible")
    seen = await plant.over(rollout)
    assert (seen["phase"], seen["trigger"]) == ("returned", "abort")


async def test_a_rejected_rollout_ends_and_never_ran(plant: Floor) -> None:
    await with_stable(plant)
    rollout = await gated(plant, "1.1.0")
    await plant.signed("reject", rollout, "--reason", "no test report", by=APPROVER, meaning="reviewed")
    seen = await plant.over(rollout)
    assert (seen["phase"], seen["trigger"]) == ("returned", "gate")
    assert await plant.instances("production", "1.1.0") == []


@pytest.mark.asvs("7.4.1", "7.4.2", "7.4.5")
async def test_sessions_end_at_once_and_for_good(plant: Floor) -> None:
    assert (await plant.said("whoami", "--json", by=VIEWER)).json["login"] == VIEWER
    await plant.said("users", "end-sessions", VIEWER, "--reason", "lost laptop")
    said = await plant.said("whoami", by=VIEWER, expected=1)
    assert "login" in said.err
    password = plant.plant.people.get(VIEWER).password + "\n"
    words = ("login", "--user", VIEWER, "--password-stdin")
    await plant.said(*words, by=VIEWER, stdin=password)
    await plant.said("users", "disable", VIEWER, "--reason", "left the company")
    await plant.said("whoami", by=VIEWER, expected=1)
    await plant.said(*words, by=VIEWER, stdin=password, expected=1)
    await plant.said("users", "enable", VIEWER, "--reason", "came back")
    await plant.said(*words, by=VIEWER, stdin=password)


async def test_an_approval_outlives_a_kill_before_it_was_acted_on(plant: Floor) -> None:
    await with_stable(plant)
    rollout = await gated(plant, "1.1.0")
    load = plant.load("production")
    async with load.running(4):
        await plant.signed("approve", rollout, "--reason", "seen", by=APPROVER)
        await plant.plant.kill()
        await plant.plant.restart()
        assert (await plant.over(rollout))["phase"] == "promoted"
    assert load.failed() == {}
    listed = await plant.said("signatures", "list", "--subject", f"rollout/{rollout}", "--json", by=APPROVER)
    assert [each["standing"] for each in listed.json] == ["valid"]


@pytest.mark.asvs("13.3.1", "14.2.4", "16.2.5")
async def test_no_secret_of_anybody_is_in_any_file_of_the_home(plant: Floor) -> None:
    people = plant.plant.people
    known = {each: people.get(each).password for each in (ENGINEER, APPROVER, BOTH, VIEWER, "admin")}
    canaries = {*known.values(), plant.plant.one_time_password, plant.plant.token, SECRET}
    for kept in people.folder.glob("*.json"):
        for server in json.loads(kept.read_bytes()).get("servers", {}).values():
            canaries |= {server["access_token"], server["refresh_token"]}
    searched = 0
    for path in plant.plant.home.rglob("*"):
        if not path.is_file() or people.folder in path.parents:
            continue
        content = path.read_bytes()
        searched += 1
        found = [each[:4] for each in canaries if each and each.encode() in content]
        assert found == [], f"{path} holds what nobody may read"
    assert searched > 20
    assert all(len(each) > 8 for each in canaries)


@pytest.mark.asvs("16.4.2")
@pytest.mark.part11("11.10(a)", "11.10(c)")
async def test_the_timeline_verifies_offline_until_somebody_alters_it_by_hand(tmp_path: Path) -> None:
    async with floor(tmp_path, {}) as plant:
        home = plant.plant.home
        file, vkey = str(tmp_path / "record.zip"), (home / "keys" / "timeline.vkey").read_text().strip()
        await plant.said("audit", "export", "--format", "zip", "--output", file)
        exported = await plant.said("audit", "verify", file, "--key", vkey, "--json")
        live = await plant.said("audit", "verify", "--json")
        assert exported.json["is_intact"]
        assert live.json["is_intact"]
        assert live.json["records"] >= exported.json["records"] > 5
        (made,) = [each for each in await plant.timeline() if each["kind"] == "signature.made"]
        await plant.said("down")
        with sqlite3.connect(home / "andon.db", timeout=30) as database:
            triggers = database.execute("select name from sqlite_master where type = 'trigger'").fetchall()
            for (name,) in triggers:
                database.execute(f'drop trigger "{name}"')
            database.execute("update timeline set actor = ? where number = ?", (ENGINEER, made["number"]))
        broken = await plant.said("audit", "verify", "--json", expected=1)
        assert broken.json["first_bad"] == made["number"]
        assert f"record {made['number']}" in broken.json["sentence"]
