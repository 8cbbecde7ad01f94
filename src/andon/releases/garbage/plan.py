"""What may go: a release that nobody needs, and a delta from one that nobody has. No I/O, no clock.

Doubt keeps. A release stays when somebody uses it, when it is among its unit's newest, or when it is young; a
delta stays as long as the release that it begins from is used or stays. What nobody knows of is no reason.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from andon.releases.garbage.model import Candidate, Plan, Rules, Use
from andon.releases.mirroring.model import base_of


def plan(releases: Sequence[Candidate], uses: Sequence[Use], rules: Rules, now: datetime) -> Plan:
    """Divide `releases` into what stays, with the reason, and what goes."""
    used = _reasons(uses)
    newest = _newest(releases, rules.keep)
    kept: dict[str, str] = {}
    going = []
    for each in releases:
        if each.id in used:
            kept[each.id] = used[each.id]
        elif each.id in newest:
            kept[each.id] = f"is one of the newest {rules.keep} of {each.unit}"
        elif now - each.created_at < rules.grace:
            kept[each.id] = "is younger than the grace"
        else:
            going.append(each)
    had = {*used, *kept}
    deltas = [
        file
        for each in releases
        if each.id in kept
        for file in each.files
        if (base := base_of(file.name)) is not None and f"{each.unit}@{base}" not in had
    ]
    return Plan(kept, tuple(going), tuple(deltas))


def _reasons(uses: Sequence[Use]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in uses:
        found.setdefault(each.release, each.why)
    return found


def _newest(releases: Sequence[Candidate], keep: int) -> frozenset[str]:
    by_unit: dict[str, list[Candidate]] = defaultdict(list)
    for each in releases:
        by_unit[each.unit].append(each)
    return frozenset(
        each.id
        for some in by_unit.values()
        for each in sorted(some, key=lambda one: (one.created_at, one.version), reverse=True)[:keep]
    )
