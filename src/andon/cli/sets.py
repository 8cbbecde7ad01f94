"""`andon sets`: releases that are promoted and come back together."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from andon.access.model import Permission
from andon.api.model import PlanView
from andon.cli import render, tables
from andon.cli.context import EnvironmentOption, Json, Reason, asked, client_of, out, print_json
from andon.cli.needs import needs
from andon.cli.signing import MeaningOption, PasswordStdin, Pen, UserOption
from andon.kernel.errors import InvalidInput, NotFound


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
    group.command(
        help="Sign a whole set, once, instead of each of its members: it shows each member's plan and bytes, "
        "and your signature binds them all. A no is andon reject, at the member that waits."
        "\n\nExamples:\n\n  andon sets approve line --meaning approved --reason 'tests seen'\n\n"
        "  andon sets approve line --show"
    )(approve)
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


@needs(Permission.APPROVE)
def approve(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the set")],
    environment: EnvironmentOption = "production",
    show: Annotated[bool, typer.Option("--show", help="Show what would be signed, and sign nothing")] = False,
    meaning: MeaningOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdin = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Sign a set."""
    path = f"/sets/{name}/environments/{environment}"
    with client_of(context) as client:
        seen = client.get(f"{path}/approval")
        if show:
            print_json(seen) if as_json else out.print(tables.set_approval(seen))
            return
        if not as_json:
            out.print(tables.set_approval(seen))
        why = asked(reason, f"Why approve all of {name}?")
        pen = Pen(user, password_stdin, meaning)
        shown = {"document_hash": seen["document_hash"]} if seen["document_hash"] else {}
        done = pen.signed(
            lambda given: client.post(f"{path}/approve", reason=why, signature=given and given | shown)
        )
    if as_json:
        print_json(done)
        return
    out.print(f"[green]●[/] set {done['name']}@{done['version']} is signed as a whole")
    for each in done["members"]:
        left = "" if each["is_behind"] else f"  {each['approvals']} of {done['approvals_needed']} approvals"
        out.print(f"  {each['unit']} {each['candidate']}{left}")


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


def only_of_units(given: Mapping[str, object]) -> None:
    """See that nothing is given that would be passed over: a set takes its members as they are.

    Raises:
        InvalidInput: something is.
    """
    if wrong := [name for name, value in given.items() if value]:
        raise InvalidInput("not-of-a-set", f"--set goes without {', '.join(wrong)}")


def deploy(
    context: typer.Context, name: str, environment: str, version: str | None, reason: str, *, as_json: bool
) -> None:
    """Begin to move a set."""
    with client_of(context) as client:
        path = f"/sets/{name}/environments/{environment}/deploy"
        begun = client.post(path, version=version, reason=reason or f"deploy set {name}")
    print_json(begun) if as_json else out.print(render.set_line(begun))


def show_plans(
    context: typer.Context, name: str, environment: str, version: str | None, *, as_json: bool
) -> None:
    """Show what each member would do, and change nothing.

    Raises:
        NotFound: there is no such set.
    """
    with client_of(context) as client:
        known = [each for each in client.get("/sets") if each["name"] == name]
        members = next((each["members"] for each in known if version in {None, each["version"]}), None)
        if members is None:
            raise NotFound("no-such-set", f"there is no set {name}", hint="andon sets list")
        plans = [client.post("/rollouts", **each, environment=environment, dry_run=True) for each in members]
    if as_json:
        print_json(plans)
        return
    for each, made in zip(members, plans, strict=True):
        title = f"{each['unit']} {each['version']} in {environment}"
        out.print(render.plan(PlanView.model_validate(made), title))
    out.print(
        "[yellow]![/] Each waits for the others before its promotion; one that comes back takes all back"
    )
