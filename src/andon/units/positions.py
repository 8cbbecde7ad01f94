"""Finds the line of every key in a TOML text, which `tomllib` does not tell.

The text has been parsed by `tomllib` before, so this reads valid TOML only and checks nothing. What is
not here: what the keys mean (model.py) and the sentences about them (load.py).
"""

import re
import tomllib

Place = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}\n#]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def lines(text: str) -> dict[Place, int]:
    """Line, from 1, of every table, key and array element; tables of an array are counted from 0."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.found: dict[Place, int] = {}
        self._text = text
        self._at = 0
        self._counted_to = 0
        self._line = 1
        self._arrays: dict[Place, int] = {}

    def document(self) -> None:
        table: Place = ()
        self._skip()
        while self._at < len(self._text):
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()

    def _header(self) -> Place:
        is_array = self._text.startswith("[[", self._at)
        here = self._line_here()
        self._at += 2 if is_array else 1
        place: Place = ()
        keys = self._keys()
        for each in keys[:-1]:
            place = (*place, each)
            place = (*place, self._arrays[place]) if place in self._arrays else place
        place = (*place, keys[-1])
        if is_array:
            self.found.setdefault(place, here)
            self._arrays[place] = self._arrays.get(place, -1) + 1
            place = (*place, self._arrays[place])
        self._at += 2 if is_array else 1
        self._remember(place, here)
        return place

    def _pair(self, table: Place) -> None:
        here = self._line_here()
        place = (*table, *self._keys())
        self._remember(place, here, above=len(table))
        self._at += 1  # the equals sign
        self._value(place)

    def _remember(self, place: Place, line: int, above: int = 0) -> None:
        for length in range(above + 1, len(place)):
            self.found.setdefault(place[:length], line)
        self.found[place] = line

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip()
            if self._peek() in "\"'":
                keys.append(_text_of(self._take(_STRING)))
            else:
                keys.append(self._take(_BARE))
            self._skip()
            if self._peek() != ".":
                return keys
            self._at += 1

    def _value(self, place: Place) -> None:
        self._skip()
        character = self._peek()
        if character == "[":
            self._array(place)
        elif character == "{":
            self._inline_table(place)
        elif character in "\"'":
            self._take(_STRING)
        else:
            self._take(_PLAIN)

    def _array(self, place: Place) -> None:
        self._at += 1
        index = 0
        self._skip()
        while self._peek() != "]":
            self.found[(*place, index)] = self._line_here()
            self._value((*place, index))
            index += 1
            self._skip_comma()
        self._at += 1

    def _inline_table(self, place: Place) -> None:
        self._at += 1
        self._skip()
        while self._peek() != "}":
            self._pair(place)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip()
        if self._peek() == ",":
            self._at += 1
        self._skip()

    def _skip(self) -> None:
        self._take(_BLANK)

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else "\0"

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not TOML at line {self._line_here()}")
        self._at = match.end()
        return match.group()

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        return self._line


def _text_of(quoted: str) -> str:
    value: str = tomllib.loads(f"key = {quoted}")["key"]
    return value
