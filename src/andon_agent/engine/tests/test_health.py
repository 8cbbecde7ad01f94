"""Whether a release is healthy, and may be ended, by each kind of contract."""

import json
from dataclasses import replace

import pytest

from andon_agent.engine.health import Doctor
from andon_agent.engine.model import Held, State
from andon_agent.engine.ports import Heard
from andon_wire.application import Application, Health, SafePoint
from andon_wire.protocol import UnitState

pytestmark = pytest.mark.unit
STATE = State("screen", active=Held("a", "1.0", "1" * 64), starts=2, token="t")
WORDS = {"agent": "http://127.0.0.1:9"}


class Ears:
    """What an application said."""

    address = "http://127.0.0.1:9"

    def __init__(self, heard: Heard) -> None:
        self.said = heard

    def admit(self, unit: str, token: str) -> None:
        """See `Local`."""

    def heard(self, unit: str, token: str) -> Heard:
        """See `Local`."""
        return self.said if (unit, token) == ("screen", "t") else Heard()

    def show(self, unit: str, state: UnitState, *, is_ending: bool) -> None:
        """See `Local`."""


def answers(body: bytes | OSError):
    def ask(url: str) -> bytes:
        assert url == "http://127.0.0.1:9/it"
        if isinstance(body, OSError):
            raise body
        return body

    return ask


def a_contract(kind: str, point: str = "asked") -> Application:
    return Application(
        unit="screen",
        version="1.0",
        platform="linux-x86_64",
        command=["app"],
        health=Health(kind=kind, url="{agent}/it"),
        safe_point=SafePoint(kind=point, url="{agent}/it"),
    )


def test_health_is_counted_from_its_beginning_and_anew_after_a_break() -> None:
    ears = Ears(Heard(is_healthy=True))
    doctor, contract = Doctor(ears), a_contract("reported")
    assert [doctor.health(STATE, contract, WORDS, at).healthy_for for at in (10.0, 12.0)] == [0.0, 2.0]
    ears.said = Heard(is_healthy=False, problem="no queue")
    assert doctor.health(STATE, contract, WORDS, 13.0).problem == "no queue"
    ears.said = Heard(is_healthy=True)
    assert doctor.health(STATE, contract, WORDS, 14.0).healthy_for == 0.0


def test_health_of_one_start_does_not_count_for_the_next() -> None:

    doctor, contract = Doctor(Ears(Heard())), a_contract("alive")
    doctor.health(STATE, contract, WORDS, 10.0)
    assert doctor.health(replace(STATE, starts=3), contract, WORDS, 90.0).healthy_for == 0.0


def test_silence_is_not_health() -> None:
    said = Doctor(Ears(Heard())).health(STATE, a_contract("reported"), WORDS, 10.0)
    assert said.healthy_for is None
    assert said.problem == "it has not said that it works"


def test_what_another_start_said_does_not_count() -> None:

    doctor = Doctor(Ears(Heard(is_healthy=True, is_safe=True)))
    other = replace(STATE, token="of another start")
    assert doctor.health(other, a_contract("reported"), WORDS, 1.0).healthy_for is None
    assert not doctor.safe(other, a_contract("reported"), WORDS).is_safe


def test_an_answer_over_http_is_health_and_none_is_not() -> None:
    good, bad = Doctor(Ears(Heard()), answers(b"")), Doctor(Ears(Heard()), answers(OSError("answered 503")))
    assert good.health(STATE, a_contract("http"), WORDS, 1.0).healthy_for == 0.0
    assert bad.health(STATE, a_contract("http"), WORDS, 1.0).problem == "answered 503"


@pytest.mark.parametrize(
    ("body", "is_safe"),
    [
        (json.dumps({"is_safe": True}).encode(), True),
        (json.dumps({"is_safe": False, "why": "a serial is open"}).encode(), False),
        (json.dumps({"is_safe": "yes"}).encode(), False),
        (b"[]", False),
        (b"not JSON", False),
        (b"\xff", False),
        (OSError("no answer"), False),
    ],
)
def test_only_a_plain_yes_is_a_safe_point(body: bytes | OSError, is_safe: bool) -> None:
    said = Doctor(Ears(Heard()), answers(body)).safe(STATE, a_contract("alive", "http"), WORDS)
    assert said.is_safe is is_safe
    assert is_safe or said.why is not None


def test_an_application_that_was_not_heard_is_not_at_a_safe_point() -> None:
    doctor = Doctor(Ears(Heard()))
    assert not doctor.safe(STATE, a_contract("alive"), WORDS).is_safe
    assert doctor.safe(STATE, a_contract("alive", "always"), WORDS).is_safe
