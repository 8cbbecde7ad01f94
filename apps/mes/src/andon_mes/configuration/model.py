"""What configuration is made of: kinds of rows with a shape, and the plant, which is all of them at one time.

A row is a mapping of its fields' names to plain values: text, numbers, truth values, aware times, lists and
mappings. What other rows are meant is said by their codes, never by ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

from andon_mes.kernel.errors import Words

Row = dict[str, Any]
Key = tuple[str | None, ...]
"""The values of a row's key fields, such as ("LMA", "torque")."""

Etag = NewType("Etag", str)
"""A digest of a row's content: two people who change it at once do not overwrite each other."""


class Kind(StrEnum):
    """The kinds of rows, named as their tables are, in the order in which they refer to each other."""

    PROCESSES = "processes"
    PRODUCT_MODELS = "product_models"
    DEFECT_CODES = "defect_codes"
    CHARACTERISTICS = "characteristics"
    DATA_SCHEMAS = "data_schemas"
    LABEL_TEMPLATES = "label_templates"
    OPERATORS = "operators"
    QUALIFICATIONS = "qualifications"
    EQUIPMENT = "equipment"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of at most `most` characters that matches `form`; `has_lines` keeps line breaks and spaces."""

    most: int
    form: str = ""
    has_lines: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both limits inclusive."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number; `is_positive`: above 0."""

    is_positive: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The code of a row of another kind, which has one key field; "users" is a login."""

    to: Kind | None


@dataclass(frozen=True, slots=True)
class Instant:
    """An aware time."""


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object. `is_schema`: a JSON Schema, which may hold null; else texts, numbers, truth values."""

    is_schema: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """An object of these fields; null when none of them is given."""

    fields: tuple["Field", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A list of objects of these fields, in an order that counts."""

    fields: tuple["Field", ...]
    most: int = 200


Form = Text | Whole | Number | Flag | Choice | Reference | Instant | Document | Group | Table


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row. Not given, it has its default; `is_nullable`: null means that there is none."""

    name: str
    form: Form
    about: str
    about_ko: str
    is_required: bool = False
    is_nullable: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a row of `kind` is. `known` are columns that it shows beside, which only other commands change."""

    kind: Kind
    about: str
    about_ko: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    known: tuple[Field, ...] = ()
    has_activity: bool = True

    def key_of(self, row: Mapping[str, Any]) -> Key:
        """The key of `row`."""
        return tuple(row[name] for name in self.key)

    def field(self, name: str) -> Field:
        """The field `name`. Raises: KeyError."""
        for each in self.fields:
            if each.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Plant:
    """All of the configuration at one time. `logins` are those that operators may have."""

    rows: Mapping[Kind, Mapping[Key, Row]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    logins: frozenset[str] = frozenset()

    def of(self, kind: Kind) -> Mapping[Key, Row]:
        """The rows of `kind` by their keys."""
        return self.rows.get(kind, {})

    def with_row(self, kind: Kind, key: Key, row: Row) -> "Plant":
        """The plant with `row` in place of the one of its key."""
        rows = {**self.rows, kind: {**self.of(kind), key: row}}
        return Plant(rows, self.settings, self.logins)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: a row's kind and key (a setting's name), the field, its value, the fix."""

    kind: Kind | None
    key: Key
    field: str
    value: Any
    detail: Words
    fix: Words
    code: str = "CONFIGURATION_INVALID"


def key_text(key: Key) -> str:
    """A key for people and addresses: LMA/torque; "*" where it has no value."""
    return "/".join("*" if each is None else each for each in key)
