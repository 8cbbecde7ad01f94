"""An application says how it is frozen and run on a station; what does not fit together is refused."""

import pytest

from andon.kernel.errors import InvalidInput
from andon.units.load import parse
from andon.units.model import Manifest

GOOD = """[unit]
name = "station"
kind = "application"
[build]
kind = "bundle"
[bundle]
entry = "start.py"
data = ["assets:assets"]
[run]
command = ["{slot}/station", "--data", "{data}"]
[environments.line]
target = "fleet"
"""


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(text, source="andon.toml")
    return caught.value


def test_an_application_runs_on_a_fleet_without_a_port() -> None:
    made = parse(GOOD, source="andon.toml")
    assert made.environments["line"].target == "fleet"
    assert made.environments["line"].port == 0
    assert made.application.health == "reported"
    assert Manifest.model_validate(made.model_dump(by_alias=True)) == made


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('kind = "application"\n', "", "go together"),
        ('kind = "bundle"\n', "", "go together"),
        ('[bundle]\nentry = "start.py"\ndata = ["assets:assets"]\n', "", "go together"),
        ('target = "fleet"', "port = 9000", "an application runs on a fleet"),
        ('target = "fleet"', 'target = "fleet"\nport = 9000', "a fleet is behind no gateway"),
        ('target = "fleet"', 'target = "fleet"\ntls = true', "a fleet is behind no gateway"),
        ("{slot}/station", "{port}", "{port} is not filled in for this kind of unit; known are {slot}"),
        ("{slot}/station", "{slto}", "{slto} is not filled in"),
        ("assets:assets", "assets", "write source and place"),
        ("assets:assets", "assets:../up", "write source and place"),
        ('entry = "start.py"', 'entry = "../start.py"', "without `..`"),
        ('entry = "start.py"', 'entry = "start.py"\nexcludes = ["a b"]', "write the name of a module"),
        ("[environments", '[application]\nhealth = "http"\n[environments', "go together"),
        (
            "[environments",
            '[application]\nsafe_point = "http"\nsafe_point_url = "http://mes/safe"\n[environments',
            "asked on the station",
        ),
        ("[environments", '[evidence.errors]\nsource = "gateway"\n[environments', "behind no gateway"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    assert sentence in refusal(GOOD.replace(old, new)).message


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("", "asked"),
        ('health = "reported"', "asked"),
        ('health = "alive"', "always"),
        ('health = "http"\nhealth_url = "http://127.0.0.1:1/up"', "always"),
        ('health = "alive"\nsafe_point_deadline = "30m"', "asked"),
        ('health = "alive"\nsafe_point = "asked"', "asked"),
        ('safe_point = "always"', "always"),
    ],
)
def test_what_does_not_talk_to_the_agent_is_waited_for_only_where_that_is_said(said: str, holds: str) -> None:
    made = parse(GOOD.replace("[environments", f"[application]\n{said}\n[environments"), source="andon.toml")
    assert made.application.safe_point == holds
    assert Manifest.model_validate(made.model_dump(by_alias=True)) == made


def test_a_service_cannot_run_on_a_fleet_or_name_a_slot() -> None:
    service = '[unit]\nname = "mes"\n[run]\ncommand = ["x"]\n[environments.line]\nport = 9000\n'
    parse(service, source="andon.toml")
    assert "runs on a fleet" in refusal(service.replace("port = 9000", 'target = "fleet"')).message
    assert "{slot} is not filled in" in refusal(service.replace('"x"', '"{slot}/x"')).message


def test_an_error_in_a_table_that_may_be_missing_names_the_nearest_key() -> None:
    error = refusal(GOOD.replace("entry =", "hiden_imports = []\nentry ="))
    assert "bundle.hiden_imports" in error.message
    assert "did you mean `hidden_imports`?" in error.hint
