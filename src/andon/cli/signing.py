"""Signs what asks for a signature: the person's password again, in what meaning, and why.

The server says what it needs; only then is a person asked. A program gives it beforehand, the password on
standard input.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from andon.access.signatures.model import Meaning
from andon.cli import asking
from andon.kernel.errors import Forbidden, InvalidInput

UserOption = Annotated[
    str | None, typer.Option("--user", help="Who signs: your user name, where it is asked for again")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Sign; your password is a line on standard input")
]
MeaningOption = Annotated[Meaning | None, typer.Option("--meaning", help="In what sense you sign")]
_REQUIRED = "signature-required"


@dataclass(frozen=True, slots=True)
class Pen:
    """What the command line said about signing."""

    user: str | None = None
    from_stdin: bool = False
    meaning: Meaning | None = None

    def signed(self, send: Callable[[dict[str, Any] | None], Any]) -> Any:
        """`send` with the signature that it takes: none, the one given, or one asked for.

        Raises:
            Forbidden: a signature is required and nobody can be asked, or it was refused.
            InvalidInput: a program gave its password without a meaning.
        """
        if self.from_stdin:
            return send(self._given())
        try:
            return send(None)
        except Forbidden as refusal:
            if refusal.code != _REQUIRED:
                raise
            if not asking.is_anybody_there():
                raise Forbidden(
                    refusal.code,
                    refusal.message,
                    hint="run it at a terminal, or add --user NAME --password-stdin --meaning approved",
                    needs=refusal.needs,
                ) from refusal
            needed = refusal.needs
        return send(self._asked(needed))

    def _given(self) -> dict[str, Any]:
        if self.meaning is None:
            raise InvalidInput("meaning-missing", "a signature has a meaning", hint="add --meaning approved")
        return _signature(self.user, asking.line_of_stdin("password"), self.meaning)

    def _asked(self, needed: dict[str, Any]) -> dict[str, Any]:
        where = f" in {needed['environment']}" if needed.get("environment") else ""
        sys.stderr.write(f"This asks for your signature: {needed.get('action', 'change')}{where}.\n")
        for name, value in (needed.get("document") or {}).items():
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            sys.stderr.write(f"  {name}: {said}\n")
        user = self.user
        if user is None and needed.get("login"):
            user = asking.text("User name", "--user NAME")
        password = asking.password()
        signature = _signature(user, password, self.meaning or _meaning(needed.get("meanings")))
        # What was shown is what is signed.
        shown = needed.get("document_hash")
        return signature | ({"document_hash": shown} if shown else {})


def _meaning(allowed: list[str] | None) -> Meaning:
    known = [each.value for each in Meaning]
    offered = [each for each in known if each in (allowed or known)]
    default = Meaning.APPROVED.value if Meaning.APPROVED.value in offered else offered[0]
    said = asking.text(f"Meaning ({', '.join(offered)})", "--meaning", default)
    if said not in offered:
        raise InvalidInput("bad-meaning", f"{said} is no meaning here", hint=f"one of {', '.join(offered)}")
    return Meaning(said)


def _signature(user: str | None, password: str, meaning: Meaning) -> dict[str, Any]:
    signature = {"password": password, "meaning": meaning.value}
    return signature | ({"login": user} if user else {})
