"""`andon sets`: releases that are promoted and come back together."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from andon.access.model import Permission
from andon.cli import tables
from andon.cli.context import Json, client_of, out, print_json
from andon.cli.needs import needs
from andon.kernel.errors import InvalidInput


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(help="Sets: units that are promoted and come back together, in a stated order.")
    group.command("list", help="Show published sets, and those on their way.\n\nExample: andon sets list")(
        list_
    )
    group.command(
        help="Sign the set that a file declares: a name, a version, and members in the order in which they "
        "begin.\n\nExample: andon sets publish andon-set.toml"
    )(publish)
    app.add_typer(group, name="sets")


@needs(Permission.FLOOR_VIEW)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Show sets."""
    with client_of(context) as client:
        found, moving = client.get("/sets"), client.get("/set-rollouts")
    if as_json:
        print_json({"sets": found, "rollouts": moving})
    else:
        out.print(tables.sets(found, moving))


@needs(Permission.PROPOSE)
def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File such as andon-set.toml")],
    as_json: Json = False,
) -> None:
    """Sign a set."""
    body = declared(file)
    with client_of(context) as client:
        made = client.post("/sets", **body)
    if as_json:
        print_json(made)
        return
    members = ", then ".join(f"{each['unit']} {each['version']}" for each in made["members"])
    out.print(f"[green]●[/] set {made['name']}@{made['version']} is signed: {members}")
    out.print(f"  next: [bold]andon deploy --set {made['name']} --environment ENVIRONMENT[/]")


def declared(file: Path) -> dict[str, Any]:
    """What a set file says.

    Raises:
        InvalidInput: it cannot be read, or is no set.
    """
    try:
        said = tomllib.loads(file.read_text("utf-8")).get("set")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput("bad-set", f"{file} cannot be read: {error}") from error
    if not isinstance(said, dict) or set(said) != {"name", "version", "members"}:
        raise InvalidInput(
            "bad-set",
            f"{file} declares no set",
            hint="[set] with name, version, and members such as { unit = 'mes', version = '1.1.0' }",
        )
    return said
