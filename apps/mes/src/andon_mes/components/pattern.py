"""Patterns of numbers that a plant configures, matched in time linear in the text whatever they say.

The engine is the one that pydantic brings (Rust's `regex`): no look-around and no references back, so that no
pattern can hang the line. A pattern always means the whole text.
"""

from functools import lru_cache
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

_KEPT = 512


def is_pattern(pattern: str) -> bool:
    """Whether `pattern` can be used: it is well formed, and small enough once compiled."""
    try:
        _compiled(pattern)
    except SchemaError:
        return False
    return True


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` is of `pattern`, which is one."""
    try:
        _compiled(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> Any:
    _validator(pattern)  # alone first: what is only well formed between our parentheses would escape them
    return _validator(rf"\A(?:{pattern})\z")


def _validator(pattern: str) -> Any:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))
