"""What a policy may say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from andon.access.model import PRODUCTION
from andon.access.policies.model import Bounds, Policy, default
from andon.access.policies.rules import circle, problem
from andon.access.signatures.model import Action

ROLES = {"approver", "admin"}


@pytest.mark.parametrize("environment", [PRODUCTION, "staging"])
def test_the_built_in_policies_keep_the_rules(environment: str) -> None:
    assert problem(default(environment), ROLES) == ("", "")


def test_production_asks_for_an_approval_and_for_every_signature() -> None:
    built_in = default(PRODUCTION)
    assert (built_in.is_production, built_in.approvals, built_in.signed) == (True, 1, frozenset(Action))


BAD = [
    ({"approvals": -1}, "approvals is -1", "from 0 to 5"),
    ({"approvals": 6}, "approvals is 6", "from 0 to 5"),
    ({"approver_role": "viewer"}, "nobody may approve as 'viewer'", "admin, approver"),
    ({"is_production": False}, "environment production is production", "is_production"),
    ({"signed": frozenset({Action.APPROVE})}, "signed lacks edit-policy", "edit-policy"),
    ({"bounds": Bounds("production")}, "it promotes from itself", "staging"),
    ({"bounds": Bounds("staging", timedelta(days=400))}, "min_age is 400 days", "366"),
    ({"bounds": Bounds(is_auto=True)}, "no environment that it promotes from", "promotes_from"),
    ({"bounds": Bounds(min_age=timedelta(hours=1))}, "no environment that it promotes from", "promotes_from"),
    ({"bounds": Bounds(alpha_at_most=0.5)}, "alpha_at_most is 0.5", "below 0.5"),
    ({"bounds": Bounds(margin_at_most=1.0)}, "margin_at_most is 1.0", "above 1"),
]


@pytest.mark.asvs("2.2.3", "2.3.2")
@pytest.mark.parametrize(("changes", "wrong", "fix"), BAD)
def test_what_a_policy_may_not_say(changes: dict[str, object], wrong: str, fix: str) -> None:
    said, hint = problem(replace(default(PRODUCTION), **changes), ROLES)  # type: ignore[arg-type]
    assert wrong in said
    assert fix in hint


@pytest.mark.parametrize("approvals", range(6))
def test_any_environment_may_be_production(approvals: int) -> None:
    plant = Policy("plant-2", 1, True, approvals, "admin", frozenset({Action.EDIT_POLICY}))
    assert problem(plant, ROLES) == ("", "")


@pytest.mark.parametrize(
    ("source", "others", "words"),
    [
        ("", {}, ""),
        ("staging", {"staging": "development"}, ""),
        ("staging", {"staging": "production"}, "production from staging from production"),
        (
            "staging",
            {"staging": "development", "development": "staging"},
            "from development from staging",
        ),
    ],
)
def test_environments_never_promote_in_a_circle(source: str, others: dict[str, str], words: str) -> None:
    found = circle(replace(default(PRODUCTION), bounds=Bounds(source)), others)
    assert found.endswith(words) if words else found == ""
