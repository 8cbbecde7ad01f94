"""Whatever a caller sends, as every role and as nobody, the API answers as its description says.

No answer is a mistake of our own, none is above the caller's rights, and none holds what they may not know.
ANDON_SCHEMA_EXAMPLES is how many requests are tried of each operation for each caller; here it is a sample,
in which the fleet's operations are asked by those callers alone whose rights differ most: who has all, who
has some, who has none. `src/andon/api/tests/test_rights.py` asks every route as every role.
"""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from andon.access import rights
from andon.access.model import Permission
from andon.api.guard import Protection
from andon.api.http import create
from andon.testing import scenes
from andon.testing.access import PEOPLE, headers_as
from andon.testing.services import FakePlant

_IS_CAMPAIGN = "ANDON_SCHEMA_EXAMPLES" in os.environ
_EXAMPLES = int(os.environ.get("ANDON_SCHEMA_EXAMPLES", "2"))
_SECRET = "correct-horse-9f31"
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_PROTECTION = Protection(names=("testserver",), anonymous_per_minute=10**6, signed_in_per_minute=10**6)
_NO_RIGHT = {"open", "signed-in"}
_FEW = ("nobody", "scoped", "admin")
_FLEET = r"^/api/v1/(fleet|agents)/|/recalls/|/stations/retry$"
_sample = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


def _a_plant() -> FakePlant:
    plant = scenes.a_hidden_unit(scenes.a_busy_morning(FakePlant()))
    plant.access.passwords["us-auditor"] = _SECRET
    return plant


_plant = _a_plant()
_app = create(_plant.services(), protection=_PROTECTION)
_schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", _app).exclude(path_regex="/events$")


def _may_somewhere(caller: str, permission: str) -> bool:
    if caller == "nobody":
        return False
    user = _plant.access.users[f"us-{caller}"]
    roles = [rights.BUILTIN[each.role] for each in user.grants]
    return any(Permission(permission) in role.permissions for role in roles)


@pytest.mark.asvs("2.2.1", "15.3.1", "15.3.5")
@pytest.mark.parametrize("caller", _FEW)
@_schema.parametrize()
@_sample
def test_every_answer_is_as_described_and_within_rights(case: schemathesis.Case, caller: str) -> None:
    _ask(case, caller)


@pytest.mark.parametrize("caller", [each for each in PEOPLE if each not in _FEW])
@(_schema if _IS_CAMPAIGN else _schema.exclude(path_regex=_FLEET)).parametrize()
@_sample
def test_every_answer_is_within_the_rights_of_every_role(case: schemathesis.Case, caller: str) -> None:
    _ask(case, caller)


def _ask(case: schemathesis.Case, caller: str) -> None:
    # A request of the one before may have ended the session, so everybody signs in anew.
    headers = {} if caller == "nobody" else headers_as(_plant, caller)
    case.headers = {
        **{name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"},
        **headers,
    }
    case.cookies = {}
    answer = case.call()
    case.validate_response(answer, checks=_CHECKS)
    wanted = case.operation.definition.raw["x-andon-permission"]
    if answer.status_code < 400:
        assert wanted == "open" or caller != "nobody"
        assert wanted in _NO_RIGHT or any(_may_somewhere(caller, each) for each in wanted.split(" or ")), (
            caller,
            wanted,
            answer.status_code,
        )
    assert _SECRET not in answer.text
    if caller in {"nobody", "scoped"}:
        assert scenes.MARK not in answer.text
