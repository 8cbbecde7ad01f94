"""`andon deploy`, `promote`, `pause`, `resume`, `abort`, `rollback`, `retry`, `cord`: moving releases."""

from typing import Annotated, Any

import typer

from andon.access.model import Permission
from andon.api.inputs import PlanChanges
from andon.api.model import PlanView, RolloutView
from andon.cli import exits, render, sets, tables, watching
from andon.cli.client import Client
from andon.cli.context import EnvironmentOption, Json, Reason, Watch, asked, client_of, out, print_json
from andon.cli.needs import needs
from andon.cli.policies import seconds_of
from andon.cli.signing import MeaningOption, PasswordStdin, Pen, UserOption
from andon.kernel.errors import Conflict, InvalidInput, NotFound
from andon.rollouts.changing import read
from andon.units.model import StrategyName

_UnitArgument = Annotated[str, typer.Argument(help="Unit, such as mes")]
_MaybeUnit = Annotated[str | None, typer.Argument(help="Unit, such as mes")]
_RolloutArgument = Annotated[str, typer.Argument(help="Unit, or the id of a rollout")]
_PERMISSIONS = {
    "promote": Permission.PROMOTE,
    "pause": Permission.CONTROL,
    "resume": Permission.CONTROL,
    "abort": Permission.ABORT,
}
_SIGNED = "Where the policy says so it asks for your signature."
_VERBS = {
    "promote": "Move a rollout to its next step now, without evidence; from the last step it is promoted. "
    f"{_SIGNED}",
    "pause": "Stop a rollout where it is; it still comes back when something is wrong.",
    "resume": "Let a paused or held rollout go on.",
    "abort": f"Take a rollout back: the candidate's share goes to 0, then it is stopped. {_SIGNED}",
}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(
        help="Move a release into an environment, by its strategy and under watch. Where the policy asks for "
        "approvals it waits at its gate until they are signed.\n\n"
        "Examples:\n\n  andon deploy mes --version 1.1.0 -w\n\n  andon deploy mes --version 1.1.0 --dry-run"
        "\n\n  andon deploy mes --from staging\n\n"
        "  andon deploy mes --version 1.1.0 --shares '5, 20, 100' --soak 10m --dry-run"
    )(deploy)
    for verb, text in _VERBS.items():
        app.command(verb, help=f"{text}\n\nExample: andon {verb} mes --reason 'shift change'")(_asking(verb))
    app.command(
        help="Go back to the last stable release, or to the one named; an active rollout is aborted. "
        f"{_SIGNED}\n\n"
        "Examples:\n\n  andon rollback mes --to 1.0.0 --reason 'customer complaint'\n\n"
        "  andon rollback --set line --reason 'bad parts'\n\n"
        "  andon rollback --all --since 2h --dry-run --reason 'what came this morning'"
    )(rollback)
    app.command(
        help="Try again the instances that were given up, when the cause is gone.\n\n"
        "Example: andon retry mes --reason 'the disk has room again'"
    )(retry)
    app.command(
        help="Pull the emergency stop: nothing advances until it is released. Anyone may pull it; "
        f"to release it needs {Permission.CORD_RELEASE}, to take everything back with --return needs "
        f"{Permission.ABORT} for all of it, and both a signature where the policy says so.\n\n"
        "Examples:\n\n  andon cord --reason 'line 2 stands'\n\n  andon cord --return --reason 'bad parts'\n\n"
        "  andon cord --release --reason 'cleared with quality'"
    )(cord)


@needs(Permission.PROPOSE)
def deploy(
    context: typer.Context,
    unit: _MaybeUnit = None,
    version: Annotated[
        str | None, typer.Option("--version", "-V", help="Release to deploy, such as 1.1.0")
    ] = None,
    environment: EnvironmentOption = "production",
    source: Annotated[
        str | None, typer.Option("--from", help="Instead of a version: what is stable in this environment")
    ] = None,
    set_: Annotated[
        str | None,
        typer.Option("--set", help="Instead of a unit: this set, by default its newest"),
    ] = None,
    override: Annotated[
        bool, typer.Option("--override", help="Also where it did not finish in the environment before")
    ] = False,
    meaning: MeaningOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdin = False,
    strategy: Annotated[StrategyName | None, typer.Option(help="Instead of the manifest's")] = None,
    shares: Annotated[str, typer.Option(help="Other shares for this rollout, such as '5, 20, 100'")] = "",
    soak: Annotated[str, typer.Option(help="Another soak at each share, such as 10m")] = "",
    max_wait: Annotated[str, typer.Option(help="Another longest wait for evidence, such as 1h")] = "",
    warm: Annotated[str, typer.Option(help="How long the former release stays warm, such as 30m")] = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it goes on the timeline")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing")] = False,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Begin a rollout."""
    if set_ is not None:
        sets.only_of_units(
            {"--from": source, "--override": override, "--strategy": strategy, "--watch": watch}
            | {"--shares": shares, "--soak": soak, "--max-wait": max_wait, "--warm": warm, "UNIT": unit}
        )
        if dry_run:
            sets.show_plans(context, set_, environment, version, as_json=as_json)
        else:
            sets.deploy(context, set_, environment, version, reason, as_json=as_json)
        return
    if unit is None:
        raise InvalidInput("which-unit", "name a unit, or a set with --set NAME")
    body: dict[str, Any] = {
        "unit": unit,
        "environment": environment,
        "version": version,
        "from": source,
        "strategy": strategy.value if strategy else None,
        "override": override,
        "changes": PlanChanges.of(read(shares, soak, max_wait, warm)).said(),
        "reason": reason or (f"deploy {version}" if version else f"deploy what is stable in {source}"),
    }
    if override:
        body["reason"] = asked(reason, "Why past the environment before?")
    pen = Pen(user, password_stdin, meaning)
    with client_of(context) as client:
        if dry_run:
            _show_plan(
                client.post("/rollouts", **body, dry_run=True),
                f"{unit} {version or source} in {environment}",
                as_json,
            )
            return
        answer = (
            pen.signed(lambda signature: client.post("/rollouts", **body, signature=signature))
            if override
            else client.post("/rollouts", **body)
        )
        _begun(client, answer, watch=watch, as_json=as_json)


@needs(Permission.ROLLBACK)
def rollback(
    context: typer.Context,
    unit: _MaybeUnit = None,
    environment: EnvironmentOption = "production",
    to: Annotated[
        str | None, typer.Option(help="Release to go back to; default: the last stable one")
    ] = None,
    set_: Annotated[
        str | None, typer.Option("--set", help="Instead of a unit: all of this set, as it was deployed last")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Instead of a unit: all that changed there since --since")
    ] = False,
    since: Annotated[str, typer.Option("--since", help="With --all: how long ago, such as 2h")] = "1h",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --all: show it and change nothing")
    ] = False,
    meaning: MeaningOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdin = False,
    reason: Reason = "",
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Go back."""
    if dry_run and not all_:
        # Passed over it would go back in earnest.
        raise InvalidInput("no-dry-run", "--dry-run goes with --all only; nothing was changed")
    if sum(map(bool, (unit, set_, all_))) != 1 or (to and not unit):
        # `rollback mes --all` would go back with everything there.
        raise InvalidInput("which-unit", "name a unit (--to is for that alone), or --set NAME, or --all")
    why = asked(reason, "Why go back?")
    pen = Pen(user, password_stdin, meaning)
    if all_:
        with client_of(context) as client:
            path, body = (
                f"/environments/{environment}/rollback",
                {"since_s": seconds_of(since), "reason": why},
            )
            turns = (
                client.post(path, **body, dry_run=True)
                if dry_run
                else pen.signed(lambda signature: client.post(path, **body, signature=signature))
            )
        print_json(turns) if as_json else out.print(tables.turns(turns))
        if any(each["problem"] for each in turns):
            raise typer.Exit(exits.BAD)
        return
    if set_ is not None:
        with client_of(context) as client:
            path = f"/sets/{set_}/environments/{environment}/rollback"
            after = pen.signed(lambda signature: client.post(path, reason=why, signature=signature))
        print_json(after) if as_json else out.print(render.set_line(after))
        return
    path = f"/units/{unit}/environments/{environment}/rollback"
    with client_of(context) as client:
        answer = pen.signed(lambda signature: client.post(path, to=to, reason=why, signature=signature))
        _begun(client, answer, watch=watch, as_json=as_json)


@needs(Permission.RETRY)
def retry(
    context: typer.Context,
    unit: _UnitArgument,
    environment: EnvironmentOption = "production",
    version: Annotated[
        str | None, typer.Option("--version", "-V", help="Only of this release; default: of all there")
    ] = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Try again what was given up."""
    why = asked(reason, "Why try again?")
    with client_of(context) as client:
        tried = client.post(f"/units/{unit}/environments/{environment}/retry", version=version, reason=why)
    if as_json:
        print_json(tried)
        return
    for each in tried:
        out.print(f"[yellow]●[/] {each['id']} of {each['version']} is tried again")
    out.print(f"  next: [bold]andon logs {unit}[/]")


@needs(Permission.CORD_PULL)
def cord(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Only there; default: everywhere")
    ] = None,
    returns: Annotated[bool, typer.Option("--return", help="Also take everything back to stable")] = False,
    release: Annotated[bool, typer.Option("--release", help="Release it")] = False,
    meaning: MeaningOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdin = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Pull or release the cord."""
    why = asked(reason, "Why release the cord?" if release else "Why pull the cord?")
    pen = Pen(user, password_stdin, meaning)
    with client_of(context) as client:
        if release:
            pen.signed(
                lambda signature: client.delete(
                    "/cord", environment=environment, reason=why, signature=signature
                )
            )
        elif returns:
            pen.signed(
                lambda signature: client.post(
                    "/cord", environment=environment, **{"return": True}, reason=why, signature=signature
                )
            )
        else:
            client.post("/cord", environment=environment, **{"return": False}, reason=why)
        cords = client.get("/cord")
    if as_json:
        print_json(cords)
        return
    where = environment or "everywhere"
    out.print(
        f"[green]●[/] cord released, {where}"
        if release
        else f"[red bold]■[/] cord pulled, {where}: nothing advances"
    )


_CLOSED = "closed: its record was damaged. What runs was not changed; the next `andon deploy` sets it right"


def _asking(verb: str) -> Any:
    if verb in {"pause", "resume"}:
        return _plain(verb)

    @needs(_PERMISSIONS[verb])
    def command(
        context: typer.Context,
        unit: _RolloutArgument,
        environment: EnvironmentOption = "production",
        meaning: MeaningOption = None,
        user: UserOption = None,
        password_stdin: PasswordStdin = False,
        reason: Reason = "",
        watch: Watch = False,
        as_json: Json = False,
    ) -> None:
        why, pen = asked(reason, f"Why {verb}?"), Pen(user, password_stdin, meaning)
        with client_of(context) as client:
            path = f"/rollouts/{rollout_of(client, unit, environment)}/{verb}"
            answer = pen.signed(lambda signature: client.post(path, reason=why, signature=signature))
            _begun(client, answer, watch=watch, as_json=as_json)

    command.__doc__ = _VERBS[verb]
    return command


def _plain(verb: str) -> Any:
    @needs(_PERMISSIONS[verb])
    def command(
        context: typer.Context,
        unit: _RolloutArgument,
        environment: EnvironmentOption = "production",
        reason: Reason = "",
        watch: Watch = False,
        as_json: Json = False,
    ) -> None:
        why = asked(reason, f"Why {verb}?")
        with client_of(context) as client:
            path = f"/rollouts/{rollout_of(client, unit, environment)}/{verb}"
            _begun(client, client.post(path, reason=why), watch=watch, as_json=as_json)

    command.__doc__ = _VERBS[verb]
    return command


def rollout_of(client: Client, named: str, environment: str) -> str:
    """Id of the rollout that `named` names: itself, or the one of that unit that is under way."""
    return named if named.startswith("ro-") else active(client, named, environment)


def active(client: Client, unit: str, environment: str) -> str:
    """Id of the rollout of `unit` that is under way.

    Raises:
        NotFound: the unit was never deployed there.
        Conflict: nothing is under way.
    """
    found = client.get("/rollouts", unit=unit, environment=environment, limit=1)
    if not found:
        raise NotFound(
            "no-rollout", f"{unit} was never deployed to {environment}", hint=f"andon deploy {unit}"
        )
    if found[0]["is_over"]:
        raise Conflict(
            "no-active-rollout", f"no rollout of {unit} is under way in {environment}", hint="andon status"
        )
    rollout: str = found[0]["id"]
    return rollout


def _begun(client: Client, answer: Any, *, watch: bool, as_json: bool) -> None:
    if answer is None:
        print_json(None) if as_json else out.print(_CLOSED)
        return
    if not watch:
        print_json(answer) if as_json else out.print(render.rollout_line(RolloutView.model_validate(answer)))
        return
    seen = watching.rollout(client, answer["id"], quiet=as_json)
    if as_json:
        print_json(seen.model_dump(mode="json"))
    raise typer.Exit(watching.exit_of(seen))


def _show_plan(answer: Any, title: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    out.print(render.plan(PlanView.model_validate(answer), title))
