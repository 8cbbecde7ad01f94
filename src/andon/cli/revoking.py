"""`andon registry revoke`. Who may sign for it is `keys.py`."""

import json
from typing import Annotated

import typer

from andon.cli.context import Json, Reason, asked, out, print_json, settings_of
from andon.cli.needs import Need, needs
from andon.cli.telling import operator, tell
from andon.kernel.clock import SystemClock
from andon.kernel.errors import Conflict, InvalidInput
from andon.kernel.ids import UnitName, Version, name, version

HELP = (
    "Take a release out of what may be installed, for good. What runs goes on; stations move away "
    "from it by a rollout.\n\nExample: andon registry revoke mes@1.1.0 --reason 'loses serials'"
)


@needs(Need.HOME)
def revoke(
    context: typer.Context,
    release: Annotated[str, typer.Argument(help="Such as mes@1.1.0")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Revoke a release."""
    from andon.registry_parts import storage_of
    from andon.releases.layout import Layout
    from andon.releases.publish import Publisher
    from andon.timeline.records import Event, Severity

    unit, of = _named(release)
    why, settings, clock = asked(reason, "Why revoke it?"), settings_of(context), SystemClock()
    notice = {"unit": unit, "version": of, "reason": why, "by": operator(), "at": clock.now().isoformat()}
    publisher = Publisher(Layout(settings.home.resolve()), clock, storage=storage_of(settings))
    try:
        is_new = publisher.revoke(unit, of, json.dumps(notice, ensure_ascii=False, sort_keys=True).encode())
    except Conflict as error:
        if error.code == "targets-wait":  # who asked, and why; that it came is told when it is assembled
            waits = Event(
                "keys.revocation-asked",
                f"release/{release}",
                operator(),
                why,
                unit=unit,
                severity=Severity.WARNING,
            )
            tell(settings, waits)
        raise
    if is_new:
        event = Event(
            "release.revoked", f"release/{release}", operator(), why, unit=unit, severity=Severity.WARNING
        )
        tell(settings, event)
    if as_json:
        print_json({"release": release, "is_new": is_new})
    else:
        out.print(
            f"[green]✓[/] {release} can be installed nowhere any more" if is_new else "it was revoked before"
        )
        out.print("  [dim]what runs goes on; stations that run it:[/] andon fleet versions")


def _named(release: str) -> tuple[UnitName, Version]:
    unit, at, of = release.partition("@")
    if not at:
        raise InvalidInput("bad-release", f"{release!r} names no release", hint="write unit@version")
    return UnitName(name(unit, what="unit")), version(of)
