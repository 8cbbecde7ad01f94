"""Grants as people write them: `engineer`, `engineer@staging`, `operator@*/mes/line-2`."""

from typing import Annotated, Any

import typer

from andon.access.model import EVERYWHERE
from andon.kernel.errors import InvalidInput

GrantOption = Annotated[
    list[str] | None,
    typer.Option("--grant", "-g", help="A role, or role@environment/unit/line; * is all. May be repeated"),
]
_SCOPE = ("environment", "unit", "line")


def parse(text: str) -> dict[str, Any]:
    """A grant as the API takes it.

    Raises:
        InvalidInput: it is none.
    """
    role, at, scope = text.strip().partition("@")
    parts = scope.split("/") if at else []
    if not role or len(parts) > len(_SCOPE) or not all(part.strip() for part in parts):
        raise InvalidInput(
            "bad-grant",
            f"{text} is no grant",
            hint="role, or role@environment/unit/line, such as engineer@staging",
        )
    named = dict(zip(_SCOPE, (part.strip() for part in parts), strict=False))
    return {"role": role} | {each: named.get(each, EVERYWHERE) for each in _SCOPE}


def parse_all(texts: list[str] | None) -> list[dict[str, Any]]:
    """Several."""
    return [parse(each) for each in texts or []]


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both give the same role on the same scope."""
    return all((one.get(each) or EVERYWHERE) == (other.get(each) or EVERYWHERE) for each in ("role", *_SCOPE))
