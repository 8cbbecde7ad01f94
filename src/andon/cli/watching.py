"""Follows something until it is over: live in a terminal, line by line elsewhere, or without a word."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import RenderableType
from rich.live import Live

from andon.api.model import RolloutView, RunView, Status
from andon.cli import exits, render
from andon.cli.client import Client, poll
from andon.cli.context import err, out
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Unavailable

T = TypeVar("T")
_REPEAT_SECONDS = 15.0


def rollout(client: Client, rollout_id: str, *, quiet: bool = False) -> RolloutView:
    """Follow a rollout until it is over or held."""
    clock = SystemClock()
    return _follow(
        lambda: RolloutView.model_validate(client.get(f"/rollouts/{rollout_id}")),
        show=lambda seen: render.rollout(seen, clock.now()),
        line=render.rollout_line,
        is_over=lambda seen: seen.is_over or seen.phase == "held",
        quiet=quiet,
    )


def exit_of(rollout: RolloutView) -> int:
    """Good when promoted, bad when it came back on evidence, inconclusive otherwise."""
    if rollout.phase == "promoted":
        return exits.GOOD
    if rollout.phase == "returned" and rollout.trigger != "no-evidence":
        return exits.BAD
    return exits.INCONCLUSIVE


def run(client: Client, run_id: str, *, quiet: bool = False) -> RunView:
    """Follow a pipeline run to its end."""
    return _follow(
        lambda: RunView.model_validate(client.get(f"/runs/{run_id}")),
        show=render.run,
        line=_stages,
        is_over=lambda seen: seen.is_over,
        quiet=quiet,
    )


def floor(client: Client, unit: str | None) -> None:
    """Follow the floor until Ctrl-C."""
    _follow(
        lambda: only(Status.model_validate(client.get("/status")), unit),
        show=render.status,
        line=lambda seen: "  ".join(
            f"{each.unit}/{each.environment}: {each.light.word}" for each in seen.units
        ),
        is_over=lambda _: False,
    )


def only(seen: Status, unit: str | None) -> Status:
    """The floor with one unit alone, where one is named."""
    if unit is None:
        return seen
    return seen.model_copy(update={"units": [each for each in seen.units if each.unit == unit]})


def _stages(run: RunView) -> str:
    return f"{run.unit} {run.version or ''} " + " ".join(f"{each.name}:{each.state}" for each in run.stages)


def _follow(
    read: Callable[[], T],
    *,
    show: Callable[[T], RenderableType],
    line: Callable[[T], str],
    is_over: Callable[[T], bool],
    quiet: bool = False,
) -> T:
    first = read()
    looks = poll(_patient(read, first))
    if out.is_terminal and not quiet:
        with Live(show(first), console=out, refresh_per_second=4, vertical_overflow="visible") as live:
            for seen in looks:
                live.update(show(seen))
                if is_over(seen):
                    return seen
    told, told_at = "", 0.0
    for seen in looks:
        words, now = line(seen), time.monotonic()
        # A log wants what is new, not every count of a countdown.
        is_news = _plain(words) != _plain(told) or (words != told and now - told_at > _REPEAT_SECONDS)
        if is_news and not quiet:
            out.print(words)
            told, told_at = words, now
        if is_over(seen):
            return seen
    return first


def _plain(words: str) -> str:
    return re.sub(r"[0-9][0-9.,]*|: .*", "", words)


def _patient(read: Callable[[], T], first: T) -> Callable[[], T]:
    """`read`, but the last answer again while Andon is away: a restart must not end a watch."""
    last = first

    def again() -> T:
        nonlocal last
        try:
            last = read()
        except Unavailable:
            err.print("[yellow]▲[/] Andon does not answer; waiting for it to come back")
        return last

    return again
