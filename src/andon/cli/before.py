"""`andon gate`, `andon tasks`: what stands before the steps of a rollout, and an outside system's answer."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from andon.access.model import Permission
from andon.cli import tables
from andon.cli.context import EnvironmentOption, Json, Reason, client_of, out, print_json
from andon.cli.needs import needs
from andon.cli.rollouts import rollout_of

_Rollout = Annotated[str, typer.Argument(help="Unit, or the id of a rollout")]


class _ShowsByDefault(TyperGroup):
    """`andon gate mes` is `andon gate show mes`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was named, or `show`."""
        is_named = bool(args) and (args[0] in self.commands or args[0].startswith("-"))
        return super().resolve_command(ctx, args if is_named else ["show", *args])


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        cls=_ShowsByDefault,
        no_args_is_help=True,
        help="What must say yes before a step: people, the plant's calendar, production, outside systems."
        "\n\nExample: andon gate mes",
    )
    group.command(
        help="Show the gates of a rollout, what each waits for and until when."
        "\n\nExample: andon gate show mes"
    )(show)
    group.command(
        help="Say yes or no for an outside system at its gate. It is final; people sign by `andon approve`."
        "\n\nExample: andon gate answer mes change-board --yes --reason 'CAB-12 is approved'"
    )(answer)
    app.add_typer(group, name="gate")
    app.command(
        help="Show the smoke tests and commands of a rollout with their tries, or what one printed.\n\n"
        "Examples:\n\n  andon tasks mes\n\n  andon tasks mes settings-check --log"
    )(tasks)


@needs(Permission.FLOOR_VIEW)
def show(
    context: typer.Context,
    rollout: _Rollout,
    environment: EnvironmentOption = "production",
    as_json: Json = False,
) -> None:
    """Show gates."""
    with client_of(context) as client:
        found = client.get(f"/rollouts/{rollout_of(client, rollout, environment)}/gates")
    print_json(found) if as_json else _show(found)


@needs(Permission.GATE_ANSWER)
def answer(
    context: typer.Context,
    rollout: _Rollout,
    gate: Annotated[str, typer.Argument(help="Name of the gate")],
    yes: Annotated[bool, typer.Option("--yes/--no", help="What is answered", show_default=False)],
    environment: EnvironmentOption = "production",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Answer at a gate."""
    body = {"answer": "yes" if yes else "no", "reason": reason}
    with client_of(context) as client:
        found = client.post(f"/rollouts/{rollout_of(client, rollout, environment)}/gates/{gate}", **body)
    print_json(found) if as_json else _show(found)


@needs(Permission.FLOOR_VIEW)
def tasks(
    context: typer.Context,
    rollout: _Rollout,
    name: Annotated[str | None, typer.Argument(help="Task; all when left out")] = None,
    log: Annotated[bool, typer.Option("--log", help="What its last try printed; needs logs.view")] = False,
    number: Annotated[int | None, typer.Option("--try", min=1, help="Of this try")] = None,
    environment: EnvironmentOption = "production",
    as_json: Json = False,
) -> None:
    """Show tasks."""
    with client_of(context) as client:
        path = f"/rollouts/{rollout_of(client, rollout, environment)}/tasks"
        if name is not None and log:
            wanted = {} if number is None else {"number": number}
            found: Any = client.get(f"{path}/{name}/log", **wanted)
        else:
            found = [each for each in client.get(path) if name in {None, each["name"]}]
    if as_json:
        print_json(found)
    elif isinstance(found, list):
        out.print(tables.tasks(found) if found else "its plan has no tasks")
    else:
        out.print(escape(found["text"]), end="")


def _show(found: Sequence[Any]) -> None:
    out.print(tables.gates(found) if found else "its plan has no gates")
