"""Reads `andon.toml` into a manifest. An error names file, line, key, value, what is wrong, and the fix.

What is not here: what the manifest may say (model.py) and where its keys stand (positions.py).
"""

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from andon.kernel.errors import InvalidInput
from andon.units.model import Manifest
from andon.units.positions import Place, lines

FILE_NAME = "andon.toml"
_AT_LINE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")
_LONGEST_VALUE = 60


def load(path: Path) -> Manifest:
    """The manifest at `path`, which is the file or the folder that holds it.

    Raises:
        InvalidInput: there is none, or it says something that the model does not allow.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            "no-manifest",
            f"{file} cannot be read: {error.strerror or error}",
            hint=f"name a folder that holds {FILE_NAME}",
        ) from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            "bad-manifest", f"{file} line {line}: this is not UTF-8", hint="save the file as UTF-8"
        ) from error
    return parse(text, source=str(file))


def parse(text: str, *, source: str) -> Manifest:
    """The manifest that `text` declares; `source` names it in errors.

    Raises:
        InvalidInput: with every mistake at once, the first one leading.
    """
    try:
        data = tomllib.loads(text)
        return Manifest.model_validate(data)
    except ValidationError as error:
        problems = _problems(error, lines(text))
    except RecursionError:
        problems = [_Problem(1, "the file is nested too deep", "")]
    except ValueError as error:
        problems = [_syntax(error, text)]
    first, *others = problems
    message = "\n".join([first.sentence(source), *(each.with_fix(source) for each in others)])
    raise InvalidInput("bad-manifest", message, hint=first.fix)


@dataclass(frozen=True, slots=True)
class _Problem:
    line: int
    wrong: str
    fix: str

    def sentence(self, source: str) -> str:
        place = f"{source} line {self.line}" if self.line else source
        return f"{place}: {self.wrong}"

    def with_fix(self, source: str) -> str:
        return self.sentence(source) + (f" ({self.fix})" if self.fix else "")


def _syntax(error: ValueError, text: str) -> _Problem:
    said = str(error)
    at = _AT_LINE.search(said)
    line = int(at[1]) if at and at[1] else text.count("\n") + 1
    wrong = _AT_LINE.sub("", said)
    shown = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    return _Problem(
        line,
        f"this is not TOML: {wrong}" + (f": {_shortened(shown)}" if shown else ""),
        "a value is a number, true, false, or text in double quotes",
    )


def _problems(error: ValidationError, found: dict[Place, int]) -> list[_Problem]:
    problems = [_problem(each, found) for each in error.errors(include_url=False)]
    return sorted(problems, key=lambda each: each.line)


def _problem(error: ErrorDetails, found: dict[Place, int]) -> _Problem:
    place: Place = tuple(each for each in error["loc"] if each != "[key]")
    wrong, fix = _explained(error, place)
    return _Problem(_line(place, found), wrong, fix)


def _line(place: Place, found: dict[Place, int]) -> int:
    for length in range(len(place), 0, -1):
        if place[:length] in found:
            return found[place[:length]]
    return 0


def _explained(error: ErrorDetails, place: Place) -> tuple[str, str]:
    key = _spelled(place)
    names = tuple(each for each in place if isinstance(each, str))
    section = _section(names[:-1])
    if error["type"] == "extra_forbidden":
        return f"{key}{_told(error['input'])}: no such key", _nearest(str(place[-1]), section)
    if error["type"] == "missing":
        return f"{key} is missing", f"add {_described(names, section)}"
    is_name = error["loc"][-1:] == ("[key]",) and error["type"] != "value_error"
    if is_name or error["type"] == "string_pattern_mismatch":
        return _misspelled(error, key)
    said = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{key}: {said}" if place else said, ""
    return f"{key}{_told(error['input'])}: {said}", _described(names, section)


def _misspelled(error: ErrorDetails, key: str) -> tuple[str, str]:
    if error.get("ctx", {}).get("pattern") == "^/":
        return f"{key}{_told(error['input'])}: must begin with /", "write a path such as /health"
    told = "" if error["loc"][-1:] == ("[key]",) else _told(error["input"])
    return f"{key}{told}: not a name", "use lower-case letters, digits and hyphens, at most 40"


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return f" = {str(value).lower()}"
    return f" = {_shortened(_quoted(value) if isinstance(value, str) else str(value))}"


def _quoted(value: str) -> str:
    return f'"{value}"'


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _spelled(place: Place) -> str:
    spelled = ""
    for each in place:
        spelled += f"[{each}]" if isinstance(each, int) else f".{each}" if spelled else each
    return spelled


def _nearest(key: str, section: type[BaseModel] | None) -> str:
    known = sorted(_fields(section)) if section else []
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _described(names: tuple[str, ...], section: type[BaseModel] | None) -> str:
    name = names[-1] if names else ""
    field = _fields(section).get(name) if section else None
    return f"`{name}`: {field.description}" if field and field.description else f"`{name}`"


def _of_list(annotation: Any) -> Any:
    """What a list is made of, and what may be missing; anything else as it is."""
    inner = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    if get_origin(inner) is UnionType:
        inner = next(each for each in get_args(inner) if each is not NoneType)
    return get_args(inner)[0] if get_origin(inner) is Annotated else inner


def _fields(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a table as one writes them."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _section(names: tuple[str, ...]) -> type[BaseModel] | None:
    """The model of the table that `names` leads to; None where it is no table of the manifest."""
    section: Any = Manifest
    for each in names:
        if isinstance(section, type) and issubclass(section, BaseModel):
            field = _fields(section).get(each)
            section = field.annotation if field else None
        elif get_origin(section) is dict:
            section = get_args(section)[1]
        section = _of_list(section)
    return section if isinstance(section, type) and issubclass(section, BaseModel) else None
