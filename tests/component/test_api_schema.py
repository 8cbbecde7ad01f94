"""Whatever a caller sends, the API answers as its description says, and never with a mistake of its own."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from andon.api.http import create
from andon.testing import scenes
from andon.testing.services import FakePlant

_plant = scenes.a_busy_morning(FakePlant())
_schema = schemathesis.openapi.from_asgi(
    "/api/v1/openapi.json", create(_plant.services(), names=["testserver"])
)
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@_schema.exclude(path_regex="/events$").parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=_CHECKS)
