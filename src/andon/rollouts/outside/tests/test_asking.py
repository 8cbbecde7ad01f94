"""Gates that ask: units for the state of production, outside systems for their word."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from andon.kernel.clock import ManualClock
from andon.kernel.errors import Conflict, NotFound
from andon.kernel.ids import EnvironmentName, RolloutId, UnitName, Version
from andon.rollouts.model import GateSeen, GateState, Rollout, Stage
from andon.rollouts.outside import webhooks
from andon.rollouts.outside.commands import GateCommands
from andon.rollouts.outside.controller import Asker, Sources
from andon.rollouts.outside.view import Outside
from andon.rollouts.outside.webhooks import Word
from andon.rollouts.steps import Gate, GateKind
from andon.testing.outside import Answers, FakeOutside, gated
from andon.testing.rolling import AT, OLD, a_manifest
from andon.units.model import Manifest

QUIET = Gate(kind=GateKind.PRODUCTION, name="quiet", expires_after=timedelta(hours=1))
BOARD = Gate(kind=GateKind.WEBHOOK, name="board", expires_after=timedelta(hours=1))
BASE = FakeOutside.base
QUIET_PATH = "/api/v1/production"


class NoPolicies:
    async def get(self, environment: str) -> Any:
        raise AssertionError(environment)


@dataclass
class Scene:
    rollout: Rollout
    outside: FakeOutside = field(default_factory=FakeOutside)
    answers: Answers = field(default_factory=Answers)
    clock: ManualClock = field(default_factory=lambda: ManualClock(AT))
    units: dict[str, list[str]] = field(default_factory=lambda: {"mes": [BASE]})
    secrets: dict[str, str] = field(default_factory=lambda: {"webhook.board": "s3cret"})
    woken: list[str] = field(default_factory=list)
    origins: tuple[str, ...] = (BASE,)
    production: dict[str, Any] = field(
        default_factory=lambda: {"path": QUIET_PATH, "field": "data.running_lots", "equals": 0}
    )

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        sources = Sources(self, self.answers, self.manifest, self.instances, self.secret)
        self.asker = Asker(
            sources,
            self.outside,
            self.clock,
            origins=self.origins,
            changed=lambda: self.woken.append("rollouts"),
        )
        self.view = Outside(NoPolicies(), self.answers, self.asker, self.clock)

    async def active(self) -> Sequence[RolloutId]:
        return [self.rollout.id]

    async def get(self, rollout: RolloutId) -> Rollout:
        if rollout != self.rollout.id:
            raise NotFound("no-such-rollout", "none")
        return self.rollout

    async def manifest(self, _unit: UnitName, _version: Version) -> Manifest:
        whole = a_manifest().model_dump(mode="json", exclude_defaults=True) | {
            "production": {"quiet": self.production},
            "webhooks": {"board": {"url": f"{BASE}/gate", "signed_by": "board"}, "silent": {}},
        }
        for each in ("soak", "max_wait", "warm"):
            whole["environments"]["production"]["policy"].pop(each, None)
        return Manifest.model_validate(whole)

    async def instances(self, unit: UnitName, _environment: EnvironmentName) -> Sequence[str]:
        return self.units.get(unit, [])

    async def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise NotFound("no-such-secret", f"there is no secret {name}")
        return self.secrets[name]

    async def look(self, after: timedelta = timedelta()) -> Mapping[str, GateSeen]:
        """What the gates say once what is due was asked."""
        self.clock.advance(after)
        await self.asker.tick()
        await self.asker.settled()
        await self.asker.tick()
        return await self.view.seen(self.rollout)


async def test_production_opens_a_gate_only_while_it_is_so() -> None:
    scene = Scene(gated(QUIET))
    assert (await scene.view.seen(scene.rollout))["quiet"].state is GateState.WAITING
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 2}})
    seen = await scene.look()
    said = "waits: data.running_lots is 2; it waits for data.running_lots = 0"
    assert seen["quiet"] == GateSeen(GateState.WAITING, said)
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 0}})
    seen = await scene.look(timedelta(seconds=1))
    assert seen["quiet"] == GateSeen(GateState.OPEN, "is open: data.running_lots is 0")
    assert scene.woken == ["rollouts", "rollouts"]
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 1}})
    assert (await scene.look(timedelta(seconds=1)))["quiet"].state is GateState.WAITING


async def test_silence_waits_and_an_old_yes_is_silence() -> None:
    scene = Scene(gated(QUIET))
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 0}})
    assert (await scene.look())["quiet"].state is GateState.OPEN
    scene.outside.is_down = True
    seen = await scene.look(timedelta(seconds=1))
    assert seen["quiet"].state is GateState.WAITING
    assert "did not answer" in seen["quiet"].reason
    scene.outside.is_down = False
    assert (await scene.look(timedelta(seconds=2)))["quiet"].state is GateState.OPEN
    scene.clock.advance(timedelta(seconds=16))
    seen = await scene.view.seen(scene.rollout)
    assert seen["quiet"] == GateSeen(GateState.WAITING, "waits: it last answered 16 s ago")


async def test_the_next_instance_is_asked_where_one_does_not_answer() -> None:
    scene = Scene(gated(QUIET), units={"mes": ["http://10.0.0.9:1", BASE]})
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 0}})
    assert (await scene.look())["quiet"].state is GateState.OPEN
    scene.units["mes"] = []
    seen = await scene.look(timedelta(seconds=2))
    assert seen["quiet"] == GateSeen(GateState.WAITING, "waits: no instance of mes is ready to be asked")


async def test_what_is_not_in_production_yet_has_nothing_to_disturb_but_another_unit_must_answer() -> None:
    scene = Scene(gated(QUIET, stable=None), units={})
    assert (await scene.look())["quiet"].reason == "is open: nothing of mes is in production here yet"
    scene.production["unit"] = "line"
    scene.restart()
    assert (await scene.look())["quiet"].state is GateState.WAITING
    scene.rollout = gated(QUIET, stable=OLD)
    scene.units["line"] = [BASE]
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 0}})
    assert (await scene.look(timedelta(seconds=10)))["quiet"].state is GateState.OPEN


async def test_a_name_that_the_manifest_does_not_have_never_opens() -> None:
    scene = Scene(gated(replace(QUIET, asks="other"), replace(BOARD, asks="other")))
    seen = await scene.look()
    assert seen["quiet"].reason == "waits: the manifest does not say what production is asked"
    assert seen["board"].state is GateState.WAITING


async def test_an_outside_system_is_asked_until_its_word_is_final() -> None:
    scene = Scene(gated(BOARD))
    scene.outside.play.says("/gate", {"answer": "wait", "reason": "CAB meets at three"})
    seen = await scene.look()
    assert seen["board"] == GateSeen(GateState.WAITING, "waits: webhook:board says CAB meets at three")
    await scene.look(timedelta(seconds=9))
    assert len(scene.outside.play.posted) == 1
    scene.outside.play.says("/gate", {"answer": "yes", "reason": "CAB-12"})
    seen = await scene.look(timedelta(seconds=1))
    assert seen["board"] == GateSeen(GateState.OPEN, "was opened by webhook:board: CAB-12")
    first, second = scene.outside.play.posted
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == "ro-1/board"
    assert webhooks.verifies("s3cret", first.body, first.headers["andon-signature"])
    assert not webhooks.verifies("s3cret", first.body + b" ", first.headers["andon-signature"])
    await scene.look(timedelta(minutes=10))
    assert len(scene.outside.play.posted) == 2


async def test_a_no_is_final_also_after_a_crash() -> None:
    scene = Scene(gated(BOARD))
    scene.outside.play.says("/gate", {"answer": "no", "reason": "audit week"})
    refused = GateSeen(GateState.REFUSED, "was refused by webhook:board: audit week")
    assert (await scene.look())["board"] == refused
    scene.restart()
    scene.outside.play.says("/gate", {"answer": "yes"})
    assert (await scene.look(timedelta(minutes=10)))["board"] == refused
    assert len(scene.outside.play.posted) == 1


async def test_an_outside_system_in_trouble_is_asked_less_and_less_often() -> None:
    scene = Scene(gated(BOARD))
    scene.outside.play.says("/gate", {"answer": "yes"}, 503)
    for _ in range(60):
        seen = await scene.look(timedelta(seconds=1))
    assert seen["board"].state is GateState.WAITING
    assert len(scene.outside.play.posted) == 6  # after 0, 1, 3, 7, 15 and 31 seconds


@pytest.mark.asvs("1.3.6")
async def test_an_address_that_no_administrator_allowed_is_never_asked() -> None:
    scene = Scene(gated(BOARD), origins=("https://changes.plant.example",))
    seen = await scene.look()
    assert "not among the origins" in seen["board"].reason
    assert scene.outside.play.posted == []


async def test_without_its_secret_nothing_is_sent() -> None:
    scene = Scene(gated(BOARD), secrets={})
    seen = await scene.look()
    assert seen["board"].reason == "waits: there is no secret webhook.board"
    assert scene.outside.play.posted == []


async def test_nothing_is_asked_for_a_rollout_that_does_not_stand_at_a_gate() -> None:
    scene = Scene(replace(gated(QUIET, BOARD), stage=Stage.SCALING))
    assert await scene.look() == {}
    assert scene.outside.play.posted == []
    assert scene.outside.play.asked == []


async def test_a_slow_one_holds_up_nobody_and_is_let_go_of() -> None:
    scene = Scene(gated(QUIET, BOARD))
    scene.outside.play.says(QUIET_PATH, {"data": {"running_lots": 0}})
    waits = asyncio.Event()

    async def slow(*_: object) -> bytes:
        await waits.wait()
        return b""

    scene.outside.post = slow  # type: ignore[method-assign]
    await scene.asker.tick()
    while scene.asker.said(scene.rollout.id, "quiet") is None:
        await asyncio.sleep(0)
    assert (await scene.view.seen(scene.rollout))["quiet"].state is GateState.OPEN
    scene.rollout = replace(scene.rollout, stage=Stage.SCALING)
    await scene.asker.tick()
    await scene.asker.close()
    assert scene.asker.said(scene.rollout.id, "quiet") is None


async def test_an_outside_system_answers_by_itself_once_and_idempotently() -> None:
    scene = Scene(gated(replace(BOARD, name="silent")))
    seen = await scene.look()
    assert seen["silent"].reason == (
        "waits until an outside system answers at /api/v1/rollouts/ro-1/gates/silent"
    )
    commands = GateCommands(scene, scene.answers, scene.clock)
    own = scene.rollout.id
    for _ in range(2):
        await commands.answer(own, "silent", is_yes=True, actor="token:cab", reason="CAB-12")
    assert [each.word for each in scene.answers.kept.values()] == [Word.YES]
    with pytest.raises(Conflict, match="has answered yes"):
        await commands.answer(own, "silent", is_yes=False, actor="token:cab", reason="")
    assert (await scene.view.seen(scene.rollout))["silent"].state is GateState.OPEN


async def test_only_an_outside_systems_gate_at_which_it_stands_can_be_answered() -> None:
    scene = Scene(gated(QUIET, BOARD))
    commands = GateCommands(scene, scene.answers, scene.clock)

    async def answer(gate: str = "board") -> None:
        await commands.answer(scene.rollout.id, gate, is_yes=True, actor="token:cab", reason="")

    with pytest.raises(NotFound, match="has no gate other; it has: quiet, board"):
        await answer("other")
    with pytest.raises(Conflict, match="no outside system answers there"):
        await answer("quiet")
    standing = scene.rollout
    scene.rollout = replace(standing, stage=Stage.SCALING)
    with pytest.raises(Conflict, match="does not stand at it now"):
        await answer()
    scene.rollout = replace(standing, deadline_at=AT)
    with pytest.raises(Conflict, match="its time is over"):
        await answer()
    scene.rollout = replace(standing, deadline_at=AT, paused_at=AT)
    await answer()


async def test_the_same_answer_once_more_is_no_error_when_the_rollout_has_gone_on() -> None:
    scene = Scene(gated(BOARD))
    commands = GateCommands(scene, scene.answers, scene.clock)
    own = scene.rollout.id
    await commands.answer(own, "board", is_yes=True, actor="token:cab", reason="CAB-12")
    scene.rollout = replace(scene.rollout, stage=Stage.SCALING, at=1)
    await commands.answer(own, "board", is_yes=True, actor="token:cab", reason="CAB-12")
    with pytest.raises(Conflict, match="has answered yes"):
        await commands.answer(own, "board", is_yes=False, actor="token:cab", reason="")


async def test_a_gate_that_is_still_ahead_cannot_be_answered() -> None:
    hold, later = Gate(kind=GateKind.HOLD, name="wait"), replace(BOARD, name="later")
    scene = Scene(gated(BOARD, hold, later))
    commands = GateCommands(scene, scene.answers, scene.clock)
    with pytest.raises(Conflict, match="does not stand at it now"):
        await commands.answer(scene.rollout.id, "later", is_yes=True, actor="token:cab", reason="")
    scene.rollout = replace(scene.rollout, at=2)
    await commands.answer(scene.rollout.id, "later", is_yes=True, actor="token:cab", reason="")
