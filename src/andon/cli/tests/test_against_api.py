"""The commands of access speak to the real API, over a plant in memory: names, bodies and answers fit."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from andon.api.http import create
from andon.cli.main import app
from andon.kernel import errors
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.releases.notes import Notes
from andon.rollouts.model import GateSeen, GateState, TaskState
from andon.rollouts.steps import Gate, GateKind, Task, TaskKind
from andon.rollouts.tasks.model import Try
from andon.testing.access import PASSWORD
from andon.testing.outside import gated
from andon.testing.rolling import AT
from andon.testing.scenes import UNDER_WAY, a_busy_morning
from andon.testing.services import FakePlant

BECAUSE = ("--reason", "a test")


class Served(uvicorn.Server):
    """The API in a thread; `port` as soon as it answers."""

    def __init__(self, plant: FakePlant) -> None:
        config = uvicorn.Config(create(plant.services()), port=0, log_config=None, lifespan="off")
        super().__init__(config)
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._is_up = threading.Event()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self._is_up.set()

    def __enter__(self) -> int:
        self._thread.start()
        assert self._is_up.wait(60)
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join(30)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FakePlant, int]]:
    """A running API: it takes a second to make, so each test changes things of its own."""
    plant = a_busy_morning(FakePlant())
    with Served(plant) as port:
        yield plant, port


@pytest.fixture
def andon(
    served: tuple[FakePlant, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakePlant]:
    """It, where nobody has signed in."""
    plant, port = served
    plant.access.sessions.clear()
    monkeypatch.setenv("ANDON_PORT", str(port))
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_CREDENTIALS", str(tmp_path / "credentials.json"))
    return plant


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def told(*words: str, stdin: str = "") -> Any:
    result = run(*words, "--json", stdin=stdin)
    assert result.exit_code == 0, (words, result.exception, result.output)
    return json.loads(result.stdout)


def shown(*words: str, stdin: str = "") -> str:
    result = run(*words, stdin=stdin)
    assert result.exit_code == 0, (words, result.exception, result.output)
    return result.stdout


def sign_in(login: str = "admin") -> None:
    told("login", "--user", login, "--password-stdin", stdin=PASSWORD + "\n")


def signing(login: str) -> tuple[str, ...]:
    return ("--user", login, "--password-stdin", "--meaning", "approved")


def test_who_am_i_says_what_i_may(andon: FakePlant) -> None:
    sign_in("engineer")
    assert told("whoami")["login"] == "engineer"
    text = shown("whoami")
    assert "rollouts.propose" in text
    assert "outside production" in text


def test_an_account_lives_from_its_making_to_its_end(andon: FakePlant) -> None:
    sign_in()
    made = told("users", "create", "minseo", "--name", "Minseo", "--grant", "viewer@staging", *BECAUSE)
    assert made["one_time_password"]
    assert [each["login"] for each in told("users", "list") if each["login"] == "minseo"]
    told("users", "grant", "minseo", "operator@*/mes", "viewer@staging", *BECAUSE)
    after = told("users", "revoke", "minseo", "viewer@staging", *BECAUSE)
    assert after["grants"] == [{"role": "operator", "environment": "*", "unit": "mes", "line": "*"}]
    assert "operator@*/mes" in shown("users", "show", "minseo")
    assert told("users", "disable", "minseo", *BECAUSE)["is_disabled"]
    assert "disabled" in shown("users", "list")
    assert not told("users", "enable", "minseo", *BECAUSE)["is_disabled"]
    assert told("users", "reset-password", "minseo", *BECAUSE)["one_time_password"]
    told("users", "unlock", "minseo", *BECAUSE)
    assert told("users", "sessions", "minseo") == []
    told("users", "end-sessions", "minseo", *BECAUSE)


def test_a_one_time_password_is_shown_to_the_person_who_made_it(andon: FakePlant) -> None:
    sign_in()
    text = shown("users", "create", "jihoon", "--name", "Jihoon", *BECAUSE)
    assert "signs in once" in text
    assert "not shown again" in text


def test_what_somebody_does_not_have_cannot_be_taken(andon: FakePlant) -> None:
    sign_in()
    result = run("users", "revoke", "viewer", "approver", *BECAUSE)
    assert isinstance(result.exception, errors.NotFound)
    assert result.exception.code == "no-such-grant"


def test_sessions_tell_where_somebody_is(andon: FakePlant) -> None:
    sign_in()
    (session,) = told("users", "sessions", "admin")
    assert session["agent"].startswith("andon on ")
    assert "terminal" in shown("users", "sessions", "admin")


def test_roles_are_a_matrix_and_ones_own_can_be_changed(andon: FakePlant) -> None:
    sign_in()
    assert "rollouts.abort" in shown("roles", "list")
    words = ("-p", "floor.view", "-p", "rollouts.abort@outside-production")
    made = told("roles", "set", "night", *words, "--description", "at night", *BECAUSE)
    assert made["permissions"] == {"floor.view": "anywhere", "rollouts.abort": "outside-production"}
    assert "at night" in shown("roles", "show", "night")
    told("roles", "delete", "night", *BECAUSE)
    assert isinstance(run("roles", "show", "night").exception, errors.NotFound)
    refused = run("roles", "set", "night", "-p", "floor.fly", *BECAUSE)
    assert isinstance(refused.exception, errors.InvalidInput)


@pytest.mark.parametrize("machine", [(), ("--machine",)])
def test_a_token_works_until_it_is_revoked(
    andon: FakePlant, tmp_path: Path, machine: tuple[str, ...]
) -> None:
    sign_in()
    file = tmp_path / "ci.token"
    words = ("tokens", "create", "ci", "--grant", "viewer", "--output", str(file), *machine, *BECAUSE)
    made = told(*words)
    assert "text" not in made
    assert file.stat().st_mode & 0o777 == 0o600
    assert told("--token-file", str(file), "releases")
    assert "ci" in shown("tokens", "list", *machine)
    told("tokens", "revoke", made["token"]["id"], *machine, *BECAUSE)
    assert isinstance(run("--token-file", str(file), "releases").exception, errors.Unauthenticated)


def test_a_release_is_shown_with_its_notes_as_they_were_written(andon: FakePlant) -> None:
    sign_in()
    key = (UnitName("mes"), Version("1.1.0"))
    andon.notes[key] = Notes("# New\n- [red]not red[/] :warning:")
    assert told("releases", "mes", "--version", "1.1.0")["notes"] == "# New\n- [red]not red[/] :warning:"
    written = shown("releases", "mes", "--version", "1.1.0")
    assert "# New\n- [red]not red[/] :warning:" in written
    assert "mes@1.1.0" in written
    andon.notes[key] = Notes(fault="notes.md is not what was signed")
    assert "cannot be shown: notes.md is not what was signed" in shown(
        "releases", "mes", "--version", "1.1.0"
    )
    del andon.notes[key]
    assert "no notes" in shown("releases", "mes", "--version", "1.1.0")
    assert "notes" not in told("releases", "mes")[0]
    assert isinstance(run("releases", "mes", "--version", "9.9.9").exception, errors.NotFound)
    nameless = run("releases", "--version", "1.1.0").exception
    assert isinstance(nameless, errors.InvalidInput)
    assert nameless.message == "name the unit, too"


def test_a_policy_is_changed_by_a_signature_and_keeps_its_history(andon: FakePlant) -> None:
    sign_in()
    words = ("policy", "set", "staging", "--approvals", "2", "--sign", "abort", *BECAUSE)
    assert isinstance(run(*words).exception, errors.Forbidden)
    after = told(*words, *signing("admin"), stdin=PASSWORD + "\n")
    assert (after["approvals"], after["signed"]) == (2, ["abort", "edit-policy"])
    assert told("policy", "show", "staging") == after
    assert "2 of approver" in shown("policy", "show")
    assert [each["actor"] for each in told("policy", "history", "staging")] == ["admin"]
    assert "admin" in shown("policy", "history", "staging")


def test_a_calendar_comes_from_a_file_stays_and_is_taken_away(andon: FakePlant, tmp_path: Path) -> None:
    sign_in()
    plant = tmp_path / "plant.toml"
    plant.write_text('zone = "Asia/Seoul"\nopen = ["Mon-Fri 22:00-05:00"]\nclosed = ["2026-12-24 stock"]\n')

    def changed(*words: str) -> Any:
        whole = ("policy", "set", "night-plant", *words, *BECAUSE, *signing("admin"))
        return told(*whole, stdin=PASSWORD + "\n")["calendar"]

    kept = changed("--calendar", str(plant))
    assert kept == {
        "zone": "Asia/Seoul",
        "open": ["Mon-Fri 22:00-05:00"],
        "closed": ["2026-12-24 stock"],
        "shifts": {},
    }
    assert changed("--approvals", "2") == kept
    assert "Mon-Fri 22:00-05:00" in shown("policy", "show", "night-plant").replace("\n", " ")
    assert changed("--no-calendar") is None
    plant.write_text('zone = "Asia/Seoul"\nopen = ["weekend"]\n')
    bad = run("policy", "set", "night-plant", "--calendar", str(plant), *BECAUSE)
    assert isinstance(bad.exception, errors.InvalidInput)
    assert "'weekend' is no window" in str(bad.exception)


def test_gates_and_tasks_of_a_rollout_are_shown_and_answered(andon: FakePlant) -> None:
    waiting = gated(
        Gate(kind=GateKind.WEBHOOK, name="board"),
        Gate(kind=GateKind.WINDOW, name="night", asks="night"),
        id=RolloutId("ro-gated"),
        environment=EnvironmentName("staging"),
        created_at=andon.clock.now(),
        deadline_at=andon.clock.now() + timedelta(hours=1),
    )
    task = Task(TaskKind.COMMAND, "settings", timedelta(minutes=1), command=("check", "a b"))
    later = replace(waiting.plan.steps[1], before=(task,))
    steps = (waiting.plan.steps[0], later, *waiting.plan.steps[2:])
    andon.rollouts["ro-gated"] = replace(waiting, plan=replace(waiting.plan, steps=steps))
    andon.gates["night"] = GateSeen(GateState.OPEN, "is open: shift night")
    andon.gates["board"] = GateSeen(GateState.WAITING, "waits: webhook:board says wait")
    andon.tries.append(
        Try(RolloutId("ro-gated"), 1, "settings", 1, TaskState.PASSED, "here", AT, AT, "ended with 0")
    )
    sign_in()
    words = ("gate", "ro-gated", "-e", "staging")
    assert [(each["name"], each["state"]) for each in told(*words)] == [
        ("board", "waiting"),
        ("night", "open"),
    ]
    assert "webhook:board says wait" in " ".join(shown(*words).split())
    assert told("gate", "show", "mes", "-e", "staging") == told(*words)
    answered = ("gate", "answer", "mes", "board", "--yes", "-e", "staging", "--reason", "CAB-12")
    for _ in range(2):
        assert told(*answered)[0]["reason"] == "was opened by admin: CAB-12"
    assert isinstance(run("gate", "answer", "ro-gated", "board", "--no").exception, errors.Conflict)
    assert isinstance(run("gate", "answer", "ro-gated", "night", "--yes").exception, errors.Conflict)
    assert isinstance(run("gate", "answer", "ro-gated", "other", "--yes").exception, errors.NotFound)
    (line,) = told("tasks", "ro-gated")
    assert (line["name"], line["step"], line["says"], line["state"]) == (
        "settings",
        1,
        "check 'a b'",
        "passed",
    )
    assert "ended with 0" in " ".join(shown("tasks", "ro-gated").split())
    assert told("tasks", "ro-gated", "settings", "--log")["text"] == "$ check 1\nended with 0\n"
    assert shown("tasks", "ro-gated", "settings", "--log", "--try", "1") == "$ check 1\nended with 0\n"
    assert isinstance(run("tasks", "ro-gated", "other", "--log").exception, errors.NotFound)
    assert shown("gate", UNDER_WAY) == "its plan has no gates\n"
    assert shown("tasks", UNDER_WAY) == "its plan has no tasks\n"


def test_signatures_are_listed_with_who_when_and_in_what_meaning(andon: FakePlant) -> None:
    sign_in("approver")
    told("abort", UNDER_WAY, *BECAUSE, *signing("approver"), stdin=PASSWORD + "\n")
    (made,) = told("signatures", "list", "--subject", f"rollout/{UNDER_WAY}")
    assert (made["action"], made["signer"], made["meaning"]) == ("abort", "approver", "approved")
    assert "approved" in shown("signatures", "list")
    assert made["document_hash"] in shown("signatures", "show", made["id"])


def test_the_cord_is_released_by_a_signature(andon: FakePlant) -> None:
    sign_in("approver")
    told("cord", "--environment", "production", *BECAUSE)
    words = ("cord", "--release", "--environment", "production", *BECAUSE)
    assert isinstance(run(*words).exception, errors.Forbidden)
    left = told(*words, *signing("approver"), stdin=PASSWORD + "\n")
    assert [each for each in left if each["environment"] == "production"] == []


def test_a_cord_that_returns_is_signed(andon: FakePlant) -> None:
    sign_in("engineer")
    words = ("cord", "--return", "--environment", "production", *BECAUSE)
    refused = run(*words).exception
    assert isinstance(refused, errors.Forbidden)
    assert refused.code == "signature-required"
    assert "--password-stdin" in refused.hint
    told("cord", "--environment", "production", *BECAUSE)  # to stop takes none
    left = told(*words, *signing("engineer"), stdin=PASSWORD + "\n")
    assert [each["returns"] for each in left if each["environment"] == "production"] == [True]


@pytest.mark.asvs("8.2.3", "13.3.2")
def test_a_secret_goes_in_and_never_comes_out(andon: FakePlant) -> None:
    sign_in()
    told("secrets", "set", "mail", "--value-stdin", *BECAUSE, stdin="hush hush hush\n")
    assert [each["name"] for each in told("secrets", "list")] == ["mail"]
    assert "hush" not in shown("secrets", "list")
    assert told("secrets", "rotate", *BECAUSE)["encrypted"] == 1
    told("secrets", "delete", "mail", *BECAUSE)


def test_the_timeline_is_filtered_and_a_record_shows_what_it_changed(andon: FakePlant) -> None:
    sign_in()
    assert {each["unit"] for each in told("timeline", "--unit", "mes", "--limit", "5")} == {"mes"}
    assert told("timeline", "--text", "no such words", "--since", "2026-01-01") == []
    newest = told("timeline", "--limit", "1")[0]
    assert told("timeline", "show", str(newest["number"]))["record"]["number"] == newest["number"]
    assert newest["kind"] in shown("timeline", "show", str(newest["number"]))


def test_a_copy_of_the_timeline_is_written_whole_or_not_at_all(andon: FakePlant, tmp_path: Path) -> None:
    sign_in("auditor")
    file = tmp_path / "record.jsonl"
    assert told("audit", "export", "--format", "jsonl", "-o", str(file))["size_bytes"] == file.stat().st_size
    assert shown("audit", "checkpoint")
    sign_in("viewer")
    refused = run("audit", "export", "-o", str(tmp_path / "not"))
    assert isinstance(refused.exception, errors.Forbidden)
    assert not (tmp_path / "not").exists()
    assert "timeline.export" in refused.exception.message


def test_who_lacks_a_right_is_told_which(andon: FakePlant) -> None:
    sign_in("viewer")
    for words, right in {
        ("users", "list"): "users.view",
        ("secrets", "list"): "secrets.manage",
        ("tokens", "list", "--machine"): "users.manage",
        ("promote", UNDER_WAY, *BECAUSE): "rollouts.promote",
    }.items():
        refused = run(*words)
        assert isinstance(refused.exception, errors.Forbidden), words
        assert f"viewer lacks {right}" in refused.exception.message


def test_signing_out_ends_the_session_at_the_server(andon: FakePlant) -> None:
    sign_in()
    told("logout")
    assert isinstance(run("whoami").exception, errors.Unauthenticated)
    assert all(each.user_id != "admin" for each in andon.access.sessions.values())


def test_former_rollouts_are_judged_again_and_by_a_proposed_policy(andon: FakePlant, tmp_path: Path) -> None:
    sign_in("viewer")
    policy = tmp_path / "policy.toml"
    policy.write_text('alpha = 0.2\ncombine = "average"\n[evidence.yield]\nguardrail = 0.5\n')
    result = run("judge", "replay", "mes", "--policy", str(policy), "--json")
    assert result.exit_code == 1  # the verdicts of the scene are invented, so none is reproduced
    found = json.loads(result.stdout)
    assert len(found["rollouts"]) == found["not_same"] >= 3
    assert all(each["proposed"] and each["looks"] for each in found["rollouts"])
    text = run("judge", "replay", UNDER_WAY, "--policy", str(policy)).stdout
    assert "0 of 1 verdicts are reproduced bit for bit." in text
    assert "The proposed policy says something else of" in text
    assert "proposed" not in run("judge", "replay", UNDER_WAY).stdout
    assert "No rollout with evidence" in shown("judge", "replay", "elsewhere")


def test_a_policy_that_is_none_is_refused_by_name(andon: FakePlant, tmp_path: Path) -> None:
    sign_in("viewer")
    for text in ("alpha = 2", "alpha ="):
        (tmp_path / "policy.toml").write_text(text)
        result = run("judge", "replay", "--policy", str(tmp_path / "policy.toml"))
        assert isinstance(result.exception, errors.InvalidInput)
