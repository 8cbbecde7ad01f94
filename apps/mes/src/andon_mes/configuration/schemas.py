"""Whether a document is a JSON Schema that data can be held to."""

import re
from typing import Any


def schema_fault(document: dict[str, Any]) -> str | None:
    """What keeps `document` from being a JSON Schema of 2020-12; None when it is one.

    A reference out of the document is refused: nothing is fetched to judge a part.
    """
    import jsonschema  # here: 100 ms that serving a scan does not need

    outside = next(_outside(document), None)
    if outside is not None:
        return f"$ref {outside[:80]!r} points out of the document"
    try:
        jsonschema.Draft202012Validator.check_schema(document)
    except jsonschema.SchemaError as error:
        where = "/".join(map(str, error.absolute_path))
        return f"{where}: {error.message}"[:200] if where else error.message[:200]
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)[:200]
    return _bad_pattern(document)


def _outside(value: Any) -> Any:
    if isinstance(value, dict):
        for name in ("$ref", "$dynamicRef", "$schema"):
            target = value.get(name)
            allowed = "https://json-schema.org/" if name == "$schema" else "#"
            if isinstance(target, str) and not target.startswith(allowed):
                yield target
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _outside(each)


def _bad_pattern(value: Any) -> str | None:
    """The first `pattern` that is no regular expression; the meta-schema only calls it a string."""
    said = value.get("pattern") if isinstance(value, dict) else None
    if isinstance(said, str):
        try:
            re.compile(said)
        except (re.error, OverflowError, RecursionError) as error:
            return f"pattern {said[:80]!r}: {error}"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((fault for fault in map(_bad_pattern, inner) if fault), None)
