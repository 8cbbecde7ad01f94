"""`andon policy`: what an environment demands before and while something changes there."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from andon.access.model import Permission
from andon.access.policies import calendar
from andon.access.signatures.model import Action
from andon.cli import tables
from andon.cli.context import Json, Reason, asked, client_of, out, print_json
from andon.cli.needs import needs
from andon.cli.signing import MeaningOption, PasswordStdin, Pen, UserOption
from andon.kernel.errors import InvalidInput, NotFound
from andon.units.fields import duration
from andon.units.model import StrategyName

_Environment = Annotated[str, typer.Argument(help="Environment, such as production")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(
        no_args_is_help=True, help="What environments demand before and while something changes there."
    )
    group.command(help="Show what one environment demands, or all.\n\nExample: andon policy show production")(
        show
    )
    group.command(
        "set",
        help="Change what an environment demands; it asks for your signature. What is left out stays."
        "\n\nExamples:\n\n  andon policy set production --approvals 2 --reason 'four eyes and one more'\n\n"
        "  andon policy set staging --sign abort --sign release-cord --reason 'as in production'\n\n"
        "  andon policy set sandbox --no-approvals --sign-nothing --reason 'for trying out'\n\n"
        "  andon policy set production --calendar plant.toml --reason 'nights, and never at stock-taking'\n\n"
        "  andon policy set production --promotes-from staging --min-age 24h --requires-evidence "
        "--reason 'only what ran for a day'",
    )(set_)
    group.command(
        help="Show every version of an environment's policy, with who signed it.\n\n"
        "Example: andon policy history production"
    )(history)
    group.command(
        help="Show what changed between two versions of an environment's policy; default: the newest two."
        "\n\nExample: andon policy diff production --from 2 --to 4"
    )(diff)
    app.add_typer(group, name="policy")


@needs(Permission.FLOOR_VIEW)
def show(
    context: typer.Context,
    environment: Annotated[str | None, typer.Argument(help="Environment; all when left out")] = None,
    as_json: Json = False,
) -> None:
    """Show policies."""
    with client_of(context) as client:
        found = (
            client.get("/policies")
            if environment is None
            else client.get(f"/policies/{environment}")["policy"]
        )
    if as_json:
        print_json(found)
    else:
        out.print(tables.policies(found if isinstance(found, list) else [found]))


@needs(Permission.POLICY_EDIT)
def set_(
    context: typer.Context,
    environment: _Environment,
    approvals: Annotated[
        int | None, typer.Option("--approvals", min=0, max=10, help="Signatures before a rollout begins")
    ] = None,
    no_approvals: Annotated[bool, typer.Option("--no-approvals", help="The same as --approvals 0")] = False,
    approver_role: Annotated[
        str | None, typer.Option("--approver-role", help="Role that those who approve must have")
    ] = None,
    production: Annotated[
        bool | None, typer.Option("--production/--no-production", help="Whether it counts as production")
    ] = None,
    sign: Annotated[
        list[Action] | None, typer.Option("--sign", help="Action that asks for a signature. May be repeated")
    ] = None,
    sign_nothing: Annotated[
        bool, typer.Option("--sign-nothing", help="Nothing asks for a signature except this policy")
    ] = False,
    calendar_file: Annotated[
        Path | None,
        typer.Option("--calendar", help="Calendar as TOML: rollouts begin only within its windows"),
    ] = None,
    no_calendar: Annotated[bool, typer.Option("--no-calendar", help="Rollouts may begin always")] = False,
    promotes_from: Annotated[
        str | None,
        typer.Option("--promotes-from", help="Where a release must have finished; '' asks for none"),
    ] = None,
    min_age: Annotated[
        str | None, typer.Option("--min-age", help="How long it must have been stable there, such as 24h")
    ] = None,
    auto: Annotated[
        bool | None, typer.Option("--auto/--no-auto", help="Andon deploys the newest such release by itself")
    ] = None,
    strategy: Annotated[
        list[StrategyName] | None, typer.Option("--strategy", help="Allowed strategy. May be repeated")
    ] = None,
    any_strategy: Annotated[bool, typer.Option("--any-strategy", help="Allow all strategies")] = False,
    alpha_at_most: Annotated[
        float | None, typer.Option("--alpha-at-most", help="Loosest alpha of a manifest; 0 asks for none")
    ] = None,
    margin_at_most: Annotated[
        float | None, typer.Option("--margin-at-most", help="Loosest margin of a manifest; 0 asks for none")
    ] = None,
    requires_evidence: Annotated[
        bool | None,
        typer.Option(
            "--requires-evidence/--no-requires-evidence", help="No manifest may go on without evidence"
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", help="Judge of all rollouts there; '' leaves it to the manifest")
    ] = None,
    meaning: MeaningOption = None,
    user: UserOption = None,
    password_stdin: PasswordStdin = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Change a policy."""
    why, pen = asked(reason, "Why change the policy?"), Pen(user, password_stdin, meaning)
    changes = {
        "approvals": 0 if no_approvals else approvals,
        "approver_role": approver_role,
        "is_production": production,
        "signed": _signed(sign, nothing=sign_nothing),
    }
    bounds = {
        "promotes_from": promotes_from,
        "min_age_s": None if min_age is None else seconds_of(min_age),
        "is_auto": auto,
        "strategies": [] if any_strategy else [each.value for each in strategy or ()] or None,
        "alpha_at_most": alpha_at_most,
        "margin_at_most": margin_at_most,
        "requires_evidence": requires_evidence,
        "judge": judge,
    }
    with client_of(context) as client:
        there = client.get(f"/policies/{environment}")["policy"]
        body = {name: there[name] if value is None else value for name, value in changes.items()}
        body |= {"calendar": _calendar(calendar_file), "drops_calendar": no_calendar}
        if given := {name: value for name, value in bounds.items() if value is not None}:
            body["bounds"] = there["bounds"] | {name: _cleared(name, value) for name, value in given.items()}
        answer = pen.signed(
            lambda signature: client.put(f"/policies/{environment}", **body, reason=why, signature=signature)
        )
    print_json(answer) if as_json else out.print(tables.policies([answer]))


@needs(Permission.FLOOR_VIEW)
def history(context: typer.Context, environment: _Environment, as_json: Json = False) -> None:
    """Show every version."""
    with client_of(context) as client:
        found = client.get(f"/policies/{environment}")["history"]
    print_json(found) if as_json else out.print(tables.policy_history(found))


def _calendar(file: Path | None) -> Any:
    """The calendar of the file, in plain values; None where none is named, so that the present one stays."""
    if file is None:
        return None
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "bad-calendar", f"{file} cannot be read: {error}", hint="docs/operations/gates.md has an example"
        ) from error
    return calendar.to_values(calendar.parse(text))


@needs(Permission.FLOOR_VIEW)
def diff(
    context: typer.Context,
    environment: _Environment,
    from_: Annotated[
        int | None, typer.Option("--from", min=0, help="Version; default: the one before")
    ] = None,
    to: Annotated[int | None, typer.Option("--to", min=0, help="Version; default: the newest")] = None,
    as_json: Json = False,
) -> None:
    """Show what changed."""
    with client_of(context) as client:
        found = client.get(f"/policies/{environment}")["history"]
    versions = {each["policy"]["version"]: each["policy"] for each in found}
    newer = to if to is not None else max(versions, default=0)
    older = from_ if from_ is not None else newer - 1
    for wanted in (older, newer):
        if wanted not in versions and wanted != 0:
            known = ", ".join(str(each) for each in sorted(versions)) or "none"
            raise NotFound(
                "no-such-version",
                f"the policy of {environment} has no version {wanted}",
                hint=f"there are: {known}",
            )
    changed = tables.changed(versions.get(older, {}), versions.get(newer, {}))
    print_json(changed) if as_json else out.print(tables.policy_diff(changed, older, newer))


def seconds_of(text: str) -> float:
    """`24h` in seconds; raises InvalidInput."""
    try:
        found: timedelta = duration(text or "0s")
    except ValueError as error:
        raise InvalidInput("bad-duration", f"{text!r} is no time: {error}") from error
    return found.total_seconds()


def _cleared(name: str, value: Any) -> Any:
    """0 for a limit asks for none."""
    return None if name in {"alpha_at_most", "margin_at_most"} and value == 0 else value


def _signed(actions: list[Action] | None, *, nothing: bool) -> list[str] | None:
    if nothing:
        return [Action.EDIT_POLICY.value]
    return None if actions is None else sorted({Action.EDIT_POLICY.value, *(each.value for each in actions)})
