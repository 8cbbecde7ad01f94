"""`andon-mes export` and `import`: the plant's configuration as a file that a person edits and git keeps."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon_mes.commands.running import settings, shown, write

if TYPE_CHECKING:
    from andon_mes.configuration.exchange import Form
    from andon_mes.configuration.plan import Step
    from andon_mes.numbers.calendar import Calendar
    from andon_mes.settings import Settings

_MOST_SHOWN = 70


def install(cli: typer.Typer) -> None:
    """Add the commands to `cli`."""

    @cli.command(
        "export",
        epilog="Examples:  andon-mes export --out plant.toml  |  andon-mes export --out plant.xlsx",
    )
    def export(
        out: Annotated[
            Path | None, typer.Option(help="Where to write it; .xlsx makes a workbook. Else it is printed.")
        ] = None,
    ) -> None:
        """Write the configuration as a file, TOML or an XLSX workbook. Equal content is equal bytes."""
        from andon_mes.configuration.exchange import give

        content = write(lambda each, _author, _clock: give(each, _form(out)))
        if out is None:
            typer.echo(content.decode(), nl=False)
        else:
            _put(out, content)
            typer.echo(f"Wrote {out}: {len(content)} bytes.")

    @cli.command(
        "import",
        epilog="Examples:  andon-mes import plant.toml --dry-run  |  andon-mes import plant.xlsx",
    )
    def import_(
        file: Annotated[Path, typer.Argument(help="A TOML file or an XLSX workbook.")],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Make the plant's configuration what the file says: all of it or nothing, and nothing is deleted."""
        from andon_mes.configuration.exchange import parse, step_view, take
        from andon_mes.configuration.store import By

        content = _content(file)
        calendar = _default_calendar(settings())
        parsed = write(lambda each, _author, _clock: parse(each, content, calendar))
        steps = write(lambda each, author, clock: take(each, parsed, By(author, clock.now()), is_dry=dry_run))
        plan = {"is_applied": not dry_run, "steps": [step_view(each) for each in steps]}
        shown(plan, _plan(steps, is_dry=dry_run), as_json=as_json)


def _form(out: Path | None) -> "Form":
    from andon_mes.configuration.exchange import Form

    return Form.XLSX if out is not None and out.suffix.lower() == ".xlsx" else Form.TOML


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}. Give the path of a file.", err=True)
        raise typer.Exit(2) from error


def _put(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        typer.echo(f"{file} cannot be written: {error.strerror}. Give a path in a folder of yours.", err=True)
        raise typer.Exit(2) from error


def _default_calendar(chosen: "Settings") -> "Calendar":
    from andon_mes.numbers.calendar import plain_calendar

    return plain_calendar(chosen.plant_zone, chosen.day_shift_starts, chosen.night_shift_starts)


def _plan(steps: "list[Step]", *, is_dry: bool) -> str:
    from andon_mes.configuration.exchange import step_view

    lines = []
    for view in map(step_view, steps):
        lines.append(f"{_SIGNS[view['action']]} {view['kind']} {view['key']}")
        lines += [
            f"    {name}: {_short(before)} -> {_short(after)}"
            for name, (before, after) in view["changes"].items()
        ]
    if not steps:
        return "The configuration is so already."
    end = "would change; nothing was written" if is_dry else "changed"
    return "\n".join([*lines, f"{len(steps)} {end}."])


_SIGNS = {"add": "+", "change": "~", "deactivate": "-"}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."
