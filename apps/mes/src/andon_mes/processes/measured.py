"""A plant's own JSON Schema of what a process measures: the completion that does not fit it is refused.

docs/design/mes.md, rule 11. A schema is made ready once, and asked at every completion.
"""

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from andon_mes.kernel.errors import Words, invalid

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


def require_fit(data: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Let `data` pass when it fits `schema`.

    Raises: InvalidInput (DATA_SCHEMA) naming the first measurement that does not fit, and why.
    """
    wrong = next(_ready(json.dumps(schema, sort_keys=True)).iter_errors(data), None)
    if wrong is None:
        return
    field = ".".join(["process_specific_data", *(str(part) for part in wrong.absolute_path)])
    raise invalid(
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
