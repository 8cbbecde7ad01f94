"""`andon approve`, `reject`: a person's signed word at the gate of a rollout."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from andon.access.model import Permission
from andon.api.model import RolloutView
from andon.cli import render, watching
from andon.cli.context import EnvironmentOption, Json, Reason, Watch, asked, client_of, out, print_json
from andon.cli.needs import needs
from andon.cli.rollouts import rollout_of
from andon.cli.signing import MeaningOption, PasswordStdin, Pen, UserOption

_WORDS = {
    "approve": "Sign a rollout that waits at its gate: with the last signature that the policy asks for, "
    "it begins. Who shipped or proposed it cannot be the only one who approves.",
    "reject": "Refuse a rollout that waits at its gate, signed: it ends, and nothing of it ever ran.",
}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for verb, text in _WORDS.items():
        meaning = "approved" if verb == "approve" else "reviewed"
        app.command(
            verb,
            help=f"{text}\n\nExamples:\n\n  andon {verb} mes --meaning {meaning} --reason 'tests seen'\n\n"
            f"  andon {verb} ro-0kz3v1q8x --user park --password-stdin --meaning {meaning} "
            "--reason 'tests seen'",
        )(_signing(verb))


def _signing(verb: str) -> Callable[..., None]:
    @needs(Permission.APPROVE)
    def command(
        context: typer.Context,
        unit: Annotated[str, typer.Argument(help="Unit, or the id of a rollout")],
        environment: EnvironmentOption = "production",
        meaning: MeaningOption = None,
        user: UserOption = None,
        password_stdin: PasswordStdin = False,
        reason: Reason = "",
        watch: Watch = False,
        as_json: Json = False,
    ) -> None:
        why = asked(reason, f"Why {verb}?")
        pen = Pen(user, password_stdin, meaning)
        with client_of(context) as client:
            rollout = rollout_of(client, unit, environment)
            answer: Any = pen.signed(
                lambda signature: client.post(f"/rollouts/{rollout}/{verb}", reason=why, signature=signature)
            )
            if watch:
                seen = watching.rollout(client, rollout, quiet=as_json)
                if as_json:
                    print_json(seen.model_dump(mode="json"))
                raise typer.Exit(watching.exit_of(seen))
        if as_json:
            print_json(answer)
        else:
            out.print(render.rollout_line(RolloutView.model_validate(answer)))

    command.__doc__ = _WORDS[verb]
    return command
