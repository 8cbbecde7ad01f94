"""Counts out of rows: what a unit answers as JSON, or a database as the result of a query. Pure.

What is not here: asking for them (http.py, sql.py).
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from andon.evidence.model import Tally, measured
from andon.kernel.errors import Unavailable
from andon.kernel.ids import Version
from andon.units.evidence import Evidence

_MOST_RELEASES = 100
_MOST_ROWS = 10_000


def read_json(text: str, wanted: Evidence) -> dict[Version, Tally]:
    """The tallies in a JSON document whose list of rows stands where `wanted.rows` leads.

    Raises:
        Unavailable: it is no JSON, the list is not there, or a row does not hold what `tallies` wants.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unavailable("bad-rows", f"the answer is no JSON: {error}") from error
    for key in filter(None, wanted.rows.split(".")):
        if not isinstance(found, dict) or key not in found:
            raise Unavailable("bad-rows", f"the answer has no {wanted.rows}: {key!r} is not there")
        found = found[key]
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unavailable("bad-rows", f"{wanted.rows or 'the answer'} is no list of rows")
    return tallies(found, wanted)


def tallies(rows: Iterable[Mapping[str, Any]], wanted: Evidence) -> dict[Version, Tally]:
    """Cumulative tallies by release; several rows of one release are summed, rows without one left out.

    A row of a metric that counts holds release, exposure and bad, under the names that the manifest gives.
    One of a metric that measures holds release, `edge` (upper edge of a bucket in seconds; null: above all)
    and `count`, of that bucket alone; it is counted up to the next of the manifest's edges.

    Raises:
        Unavailable: a row lacks a field, or holds what is no count.
    """
    add = _timed if wanted.kind == "latency" else _counted
    sums: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        if number >= _MOST_ROWS:
            raise Unavailable("bad-rows", f"there are more than {_MOST_ROWS:,} rows")
        release = _field(row, wanted.release_label)
        if release is None or release == "":
            continue
        if not isinstance(release, str):
            raise Unavailable("bad-rows", f"{wanted.release_label} is {release!r}, which is no version")
        width = len(wanted.edges) + 1 if wanted.kind == "latency" else 2
        add(sums.setdefault(release, [0] * width), row, wanted)
    if len(sums) > _MOST_RELEASES:
        raise Unavailable("bad-rows", f"the rows name more than {_MOST_RELEASES} releases")
    is_timed = wanted.kind == "latency"
    return {
        Version(release): measured(sums[release]) if is_timed else Tally(sums[release][0], sums[release][1])
        for release in sorted(sums)
    }


def _counted(sums: list[int], row: Mapping[str, Any], wanted: Evidence) -> None:
    for index, name in enumerate((wanted.exposure or "exposure", wanted.bad or "bad")):
        sums[index] += _count(_field(row, name), name)


def _timed(sums: list[int], row: Mapping[str, Any], wanted: Evidence) -> None:
    edge = _field(row, "edge")
    if edge is None:
        edge = math.inf
    elif isinstance(edge, bool) or not isinstance(edge, int | float) or not edge >= 0:
        raise Unavailable("bad-rows", f"edge is {edge!r}; write seconds, or null for above all")
    index = next((i for i, each in enumerate(wanted.edges) if edge <= each), len(wanted.edges))
    sums[index] += _count(_field(row, "count"), "count")


def _field(row: Mapping[str, Any], name: str) -> Any:
    if name not in row:
        raise Unavailable("bad-rows", f"a row has no {name}; it has {', '.join(map(str, row)) or 'nothing'}")
    return row[name]


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unavailable("bad-rows", f"{name} is {value!r}, which is no count")
    if not math.isfinite(value) or value < 0 or value != int(value):
        raise Unavailable("bad-rows", f"{name} is {value!r}, which is no count")
    return int(value)
