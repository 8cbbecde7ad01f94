"""Counts out of a metrics page in Prometheus' text format. Pure: text in, tallies out.

What is not here: fetching the page (http.py).
"""

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from andon.evidence.model import Tally, measured
from andon.kernel.errors import InvalidInput, Unavailable
from andon.kernel.ids import Version

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"\s*')
_ESCAPED = re.compile(r"\\(.)")
_MOST_RELEASES = 100


@dataclass(frozen=True, slots=True)
class Selector:
    """Which samples to sum: a sample's name, and labels that must have these values."""

    name: str
    labels: Mapping[str, str]

    def matches(self, sample: Sample) -> bool:
        """Whether `sample` is one of them."""
        return sample.name in _spellings(self.name) and all(
            sample.labels.get(name) == value for name, value in self.labels.items()
        )

    def is_of(self, family: Metric) -> bool:
        """Whether the page declares this series, also while it has no sample yet."""
        return bool(_spellings(self.name) & _spellings(family.name)) or any(
            each.name in _spellings(self.name) for each in family.samples
        )


@lru_cache(maxsize=1000)
def selector(text: str) -> Selector:
    """`name` or `name{label="value",other="value"}`; only equality, as the manifest's reference says.

    Raises:
        InvalidInput: it is not of that form.
    """
    name = _NAME.match(text)
    if name is None:
        raise _bad(text)
    rest = text[name.end() :]
    if not rest:
        return Selector(name.group(), {})
    if not (rest.startswith("{") and rest.endswith("}")):
        raise _bad(text)
    return Selector(name.group(), dict(_labels(rest[1:-1], text)))


def read(text: str, *, exposure: str, bad: str, release_label: str) -> dict[Version, Tally]:
    """Sums of the two selected series by release; a release without bad events so far has 0 of them.

    Raises:
        InvalidInput: a selector is malformed.
        Unavailable: the page cannot be parsed, does not declare the series, or a value is no count.
    """
    families = _parse(text)
    exposures = _sums(families, selector(exposure), release_label)
    bads = _sums(families, selector(bad), release_label)
    if len(exposures) > _MOST_RELEASES:
        raise Unavailable("bad-page", f"{exposure} names more than {_MOST_RELEASES} releases")
    return {
        Version(release): Tally(exposures.get(release, 0), bads.get(release, 0))
        for release in sorted({*exposures, *bads})
    }


def read_histogram(
    text: str, histogram: str, edges: Sequence[float], release_label: str
) -> dict[Version, Tally]:
    """The selected histogram by release, in buckets up to each of `edges`; finer ones are put together.

    Raises:
        InvalidInput: the selector is malformed.
        Unavailable: the page cannot be parsed, does not declare the histogram, lacks one of the edges, or a
            value is no count.
    """
    wanted = selector(histogram)
    bucket = Selector(f"{wanted.name}_bucket", wanted.labels)
    own = [each for each in _parse(text) if each.name == wanted.name or bucket.is_of(each)]
    if not own:
        raise Unavailable("no-series", f"the metrics page has no histogram {wanted.name}")
    cumulative: dict[str, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    for sample in (each for family in own for each in family.samples if bucket.matches(each)):
        release = sample.labels.get(release_label)
        if release:
            cumulative[release][edge_of(sample.labels.get("le"), sample.name)] += _count(sample)
    if len(cumulative) > _MOST_RELEASES:
        raise Unavailable("bad-page", f"{histogram} names more than {_MOST_RELEASES} releases")
    return {Version(each): buckets_of(cumulative[each], edges, wanted.name) for each in sorted(cumulative)}


def edge_of(text: str | None, name: str) -> float:
    """The upper edge of a bucket, as its label `le` says; raises Unavailable where it says none."""
    try:
        return float(text or "")
    except ValueError as error:
        raise Unavailable("bad-page", f"a sample of {name} has no edge `le`") from error


def buckets_of(cumulative: Mapping[float, int], edges: Sequence[float], name: str) -> Tally:
    """The tally of a histogram's cumulative counts by edge; finer buckets are put together.

    Raises:
        Unavailable: one of `edges` is not there, or the counts do not rise.
    """
    missing = next((each for each in edges if each not in cumulative), None)
    if missing is not None:
        raise Unavailable(
            "no-bucket",
            f"the metrics page has no bucket of {name} up to {missing:g}",
            hint="`edges` in andon.toml must name edges that the page has",
        )
    totals = [cumulative[each] for each in edges]
    buckets = [now - before for before, now in itertools.pairwise([0, *totals])]
    if min(buckets) < 0:
        raise Unavailable("bad-page", f"the buckets of {name} do not rise")
    return measured(buckets)


def _labels(text: str, whole: str) -> Iterator[tuple[str, str]]:
    at, seen = 0, set()
    while True:
        found = _LABEL.match(text, at)
        if found is None or found.group(1) in seen:
            raise _bad(whole)
        seen.add(found.group(1))
        yield found.group(1), _ESCAPED.sub(_unescaped, found.group(2))
        at = found.end()
        if at == len(text):
            return
        if text[at] != ",":
            raise _bad(whole)
        at += 1


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found.group(1) == "n" else found.group(1)


def _bad(text: str) -> InvalidInput:
    return InvalidInput(
        "bad-selector", f"{text!r} does not select a series", hint='write name or name{label="value"}'
    )


def _spellings(name: str) -> set[str]:
    """The parser calls a counter's family `x` and its samples `x_total`, whichever of them the page says."""
    short = name.removesuffix("_total")
    return {short, f"{short}_total"}


def _parse(text: str) -> list[Metric]:
    try:
        return list(text_string_to_metric_families(text))
    except (ValueError, KeyError, IndexError) as error:
        raise Unavailable("bad-page", f"the metrics page cannot be parsed: {error}") from error


def _sums(families: list[Metric], wanted: Selector, release_label: str) -> dict[str, int]:
    own = [each for each in families if wanted.is_of(each)]
    if not own:
        raise Unavailable("no-series", f"the metrics page has no series {wanted.name}")
    sums: dict[str, int] = {}
    for family in own:
        for sample in family.samples:
            release = sample.labels.get(release_label)
            if release and wanted.matches(sample):
                sums[release] = sums.get(release, 0) + _count(sample)
    return sums


def _count(sample: Sample) -> int:
    value = float(sample.value)
    if not math.isfinite(value) or value < 0 or value != int(value):
        raise Unavailable("bad-page", f"{sample.name} is {sample.value}, which is no count")
    return int(value)
