"""A plant's own JSON Schema of what a process measures: the completion that does not fit it is refused.

docs/design/mes.md, rule 11. A schema is made ready once, and asked at every completion.
"""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from andon_mes.kernel.errors import InvalidInput, Words, invalid

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

_MOST_MISFITS = 100


def require_fit(data: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Let `data` pass when it fits `schema`.

    Raises: InvalidInput (DATA_SCHEMA) naming the first measurement that does not fit, and why.
    """
    wrong = next(_wrong(data, schema), None)
    if wrong is not None:
        raise _misfit(wrong)


def misfits(data: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str | None, InvalidInput]]:
    """What of `data` does not fit, by the measurement's name; None where it is not one that is at fault."""
    return [
        (str(wrong.absolute_path[0]) if wrong.absolute_path else None, _misfit(wrong))
        for wrong in itertools.islice(_wrong(data, schema), _MOST_MISFITS)
    ]


def _wrong(data: Mapping[str, Any], schema: Mapping[str, Any]) -> "Iterator[ValidationError]":
    yield from _ready(json.dumps(schema, sort_keys=True)).iter_errors(data)


def _misfit(wrong: "ValidationError") -> InvalidInput:
    field = ".".join(["process_specific_data", *(str(part) for part in wrong.absolute_path)])
    return invalid(
        field,
        wrong.instance if wrong.absolute_path else None,
        Words(
            f"It does not fit the schema of this process: {wrong.message[:200]}",
            f"공정의 데이터 형식에 맞지 않습니다: {wrong.message[:200]}",
        ),
        Words(
            "Correct it; the plant publishes the schema at /api/v1/vendor-contract",
            "값을 고치세요. 형식은 /api/v1/vendor-contract에 있습니다",
        ),
        code="DATA_SCHEMA",
    )


@functools.lru_cache(maxsize=128)
def _ready(schema: str) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator  # here: a plant without schemas does not pay for it

    return Draft202012Validator(json.loads(schema))
