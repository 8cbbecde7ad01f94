"""What a manifest may say of steps, and the sentences about what it may not."""

import re
from typing import Any

import pytest

from andon.kernel.errors import InvalidInput
from andon.rollouts.legs import legs
from andon.rollouts.steps import Task
from andon.units.load import parse
from andon.units.model import Policy
from andon.units.stepping import name_of, names

HEAD = """
[unit]
name = "mes"
[run]
command = ["serve"]
[smoke.front]
path = "/front"
[production.idle]
path = "/lots"
field = "running"
equals = 0
[environments.production]
port = 1
[environments.production.policy]
"""


def steps(text: str, more: str = "") -> Any:
    manifest = parse(f"{HEAD}{more}steps = [{text}]\n", source="andon.toml")
    return manifest.environments["production"].policy.steps


def test_a_number_is_a_share_and_everything_may_stand_before_one() -> None:
    found = steps(
        '{gate = "window", asks = "night"}, {smoke = "front"}, 0.1, {gate = "approval", name = "council"}, '
        '{hold = true}, {command = ["warm-up", "{url}"]}, {gate = "production", asks = "idle"}, '
        '{share = 0.5, soak = "5m", match = [{header = "x-group", value = "b"}], mirror = 0.1}, 1'
    )
    kinds = [each.kind for each in found]
    assert kinds == ["gate", "smoke", "share", "gate", "hold", "command", "gate", "share", "share"]
    assert names(found) == ["window-1", "council", "hold-5", "command-6", "production-7"]
    assert name_of(3, found[3]) == "council"
    assert [each.share for each in found if each.share is not None] == [0.1, 0.5, 1.0]


def test_steps_may_be_tables_of_their_own() -> None:
    table = "[[environments.production.policy.steps]]\n"
    text = HEAD + "".join(f"{table}{each}\n" for each in ("share = 0.2", "hold = true", "share = 1"))
    found = parse(text, source="andon.toml").environments["production"].policy.steps
    assert [each.kind for each in found] == ["share", "hold", "share"]


def test_the_shares_of_always_are_the_default_and_a_dump_is_read_again() -> None:
    assert [each.share for each in Policy().steps] == [0.1, 0.5, 1.0]
    found = steps('0.1, {gate = "approval", approvals = 2, role = "chief", expires = "2d"}, 1')
    again = [type(each).model_validate(each.model_dump(mode="python")) for each in found]
    assert again == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.5, 0.1, 1", "each share must be above the one before, the first above 0"),
        ("0, 1", "each share must be above the one before, the first above 0"),
        ("0.5, 0.5, 1", "each share must be above the one before"),
        ("0.1, {share = 0.1, soak = '5m'}, 1", "each share must be above the one before"),
        ("0.1, 0.5", "the last share must be 1, so that the candidate gets everything"),
        ("0.1, 1, {hold = true}", "the last share must be 1"),
        (
            "{hold = false}, 1",
            "a step is one of share, ring, gate, hold, smoke, command; here is none of them",
        ),
        ('{share = 0.1, gate = "window"}, 1', "here is share and gate"),
        ('{gate = "window", soak = "1m"}, 1', "`soak` does not belong to a step with `gate`"),
        ('{smoke = "front", retries = 3}, 1', "`retries` does not belong to a step with `smoke`"),
        ('{gate = "weather"}, 1', "'approval', 'window', 'production' or 'webhook'"),
        ('{gate = "production"}, 1', "gate production needs `asks`, a name of [production.<name>]"),
        ('{gate = "webhook"}, 1', "gate webhook needs `asks`, a name of [webhooks.<name>]"),
        ('{gate = "approval", asks = "x"}, 1', "gate approval has no `asks`; it has `approvals` and `role`"),
        ('{gate = "window", approvals = 2}, 1', "`approvals` belongs to gate approval"),
        ('{gate = "approval", name = "approval"}, 1', "is the name of the environment's own gate"),
        ('{hold = true, name = "x"}, {gate = "window", name = "x"}, 1', "two gates or commands are named x"),
        ('{smoke = "back"}, 1', "a step of production names smoke.back: add [smoke.back]"),
        ('{gate = "production", asks = "busy"}, 1', "names production.busy: add [production.busy]"),
        ('{gate = "webhook", asks = "change"}, 1', "names webhooks.change: add [webhooks.change]"),
        ('{share = 0.1, match = [{value = "b"}]}, 1', "name either `header` or `cookie`"),
        ('{share = 0.1, match = [{header = "a", cookie = "c", value = "b"}]}, 1', "name either `header` or"),
        ('{command = ["x", "{port}"]}, 1', "{port} is not filled in; known are {data}, {version}"),
        ("{share = 1.5}, 1", "less than or equal to 1"),
        ("{colour = 1}, 1", "colour"),
    ],
)
def test_what_cannot_be_walked_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)) as caught:
        steps(text)
    assert caught.value.message.startswith("andon.toml")


@pytest.mark.parametrize("text", ["0.1, {share = 0.1, mirror = 0.2}, 1", "0.1, {hold = true}, 0.1, 1"])
def test_a_share_may_stay_where_the_step_says_something_new(text: str) -> None:
    assert steps(text)


def test_nothing_can_be_replaced_without_room() -> None:
    with pytest.raises(InvalidInput, match="cannot both be 0"):
        steps("1", "max_surge = 0\nmax_unavailable = 0\n")


def test_a_wrong_key_of_a_step_is_answered_with_the_right_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        steps("{shar = 0.1}, 1")
    assert "did you mean `share`?" in caught.value.hint or "did you mean `share`?" in caught.value.message


def test_a_smoke_test_may_compare_a_value_and_says_both_sides() -> None:
    more = '[smoke.deep]\npath = "/deep"\nfield = "data.lots"\nequals = 0\n'
    text = HEAD.replace("[production.idle]", f"{more}[production.idle]") + "steps = [1]\n"
    manifest = parse(text, source="andon.toml")
    task = next(
        each for each in legs(manifest, manifest.environments["production"])[0].before if each.name == "deep"
    )
    assert isinstance(task, Task)
    assert (task.value_at, task.equals) == ("data.lots", "0")
    with pytest.raises(InvalidInput, match="go together"):
        parse(text.replace("equals = 0\n[production", "[production"), source="andon.toml")
