"""Wires what stands before a step of a rollout: who is asked at gates, and what answers are taken.

A part of the composition root beside `parts.py`. No rule lives here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.access_parts import Access
from andon.kernel.clock import Clock
from andon.releases.store import ReleaseStore
from andon.rollouts.outside.commands import GateCommands
from andon.rollouts.outside.controller import Asker, Sources
from andon.rollouts.outside.fetch import Http
from andon.rollouts.outside.store import AnswerStore
from andon.rollouts.outside.view import Outside
from andon.rollouts.store import RolloutStore
from andon.seen import Seen
from andon.store.engine import Database


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What gates are made of. origins: outside addresses that may be asked; ca: they are verified by it."""

    database: Database
    clock: Clock
    releases: ReleaseStore
    access: Access
    seen: Seen
    origins: Sequence[str]
    ca: Path | None


@dataclass(frozen=True, slots=True)
class Gates:
    """Who asks, what gates say, and how an outside system answers by itself."""

    asker: Asker
    view: Outside
    commands: GateCommands


def gates_of(where: Whereabouts, changed: Callable[[], None]) -> Gates:
    """All of it. changed: called when a gate says something new."""
    rollouts, answers = RolloutStore(where.database), AnswerStore(where.database)
    asker = Asker(
        Sources(
            rollouts=rollouts,
            answers=answers,
            manifest=where.releases.manifest,
            units=where.seen.stable_addresses,
            secret=where.access.secrets.get,
        ),
        Http(ca=where.ca),
        where.clock,
        origins=tuple(where.origins),
        changed=changed,
    )
    view = Outside(where.access.policies, answers, asker, where.clock)
    return Gates(asker, view, GateCommands(rollouts, answers, where.clock))
