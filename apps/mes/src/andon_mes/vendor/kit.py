"""The conformance kit: files of seven vendors with seven dialects, and what must become of each.

The files stand in `kit/`, `kit.toml` says what each shows. A vendor reads them as examples; whoever writes a
reader of vendor files (the station, another MES) holds it against them.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from zoneinfo import ZoneInfo

from andon_mes.kernel.errors import Words
from andon_mes.vendor.model import Kind

INDEX = "kit.toml"


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of the kit. `zone` is that of its folder; `expected` are the codes that a check must give."""

    name: str
    content: bytes
    kind: Kind
    zone: ZoneInfo | None
    is_accepted: bool
    expected: tuple[str, ...]
    shows: Words


def files() -> dict[str, bytes]:
    """Every file of the kit by its name, the index among them."""
    folder = resources.files("andon_mes.vendor") / "kit"
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir(), key=lambda one: one.name)}


def samples() -> Iterator[Sample]:
    """The files with what must become of them, in the order of the index."""
    known = files()
    for each in tomllib.loads(known[INDEX].decode())["file"]:
        yield Sample(
            each["name"],
            known[each["name"]],
            Kind(each["kind"]),
            ZoneInfo(each["zone"]) if "zone" in each else None,
            each["accepted"],
            tuple(each["codes"]),
            Words(each["shows"], each["shows_ko"]),
        )
