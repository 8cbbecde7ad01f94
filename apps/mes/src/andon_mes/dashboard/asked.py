"""What a page is asked for: the names in its address and the fields of its form, as the API reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import pydantic

from andon_mes.api.context import Mes
from andon_mes.kernel.errors import NotFound, Problem, Words, invalid

Query = TypeVar("Query", bound=pydantic.BaseModel)
_OF_THE_FRAME = frozenset({"fragment", "lang"})


@dataclass(frozen=True, slots=True)
class Asked:
    """An address: `path` has its names, `query` what is behind the question mark (`by` may be repeated)."""

    mes: Mes
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """A field of the form, at most 100 characters; empty where nothing was said."""
        return self.query.get(name, "").strip()[:100]

    def page(self) -> int:
        """Which page, from 1."""
        said = self.query.get("page", "")
        return max(1, int(said)) if said.isdecimal() and len(said) < 8 else 1

    def number(self, name: str) -> int:
        """A number in the address. Raises: NotFound when it is none."""
        said = self.path[name]
        if not said.isdecimal() or len(said) > 9:
            raise NotFound(
                Problem(
                    "NOT_FOUND",
                    Words("There is nothing at this address", "이 주소에는 아무것도 없습니다"),
                    Words(f"{said[:20]!r} is no number", f"{said[:20]!r}은(는) 번호가 아닙니다"),
                    Words("Go by the links of the pages", "페이지의 링크를 이용하세요"),
                )
            )
        return int(said)

    def read(self, kind: type[Query], *, without: frozenset[str] = frozenset(), **more: object) -> Query:
        """The form, `without` some of its fields, as the API's own query; what is empty was not asked.

        Raises: InvalidInput when a field is not as the API takes it.
        """
        left_out = _OF_THE_FRAME | without
        said = {name: value for name, value in self.query.items() if value and name not in left_out}
        try:
            return kind.model_validate({**more, **said})
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            raise invalid(
                name,
                said.get(name),
                Words(first["msg"], "사용할 수 없는 조건입니다"),
                Words("Choose it on the page", "페이지에서 조건을 선택하세요"),
            ) from error
