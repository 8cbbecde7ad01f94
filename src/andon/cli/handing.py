"""Hands a fresh token to a person, once: into a file that only they read, or on the screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from andon.cli.context import out, print_json
from andon.kernel import files


def hand_over(
    answer: Mapping[str, Any],
    output: Path | None,
    *,
    as_json: bool,
    head: str,
    shown: str = "",
    stored: str = "",
) -> None:
    """Show what was made. answer: with the token's `text`, which goes into `output` where there is one.

    head: the first line; shown: what is said where the text was shown; stored: behind the file's name.
    """
    rest = dict(answer)
    if output is not None:
        files.write(output, (rest.pop("text") + "\n").encode(), mode=0o600)
    if as_json:
        print_json(rest)
        return
    out.print(f"[green]✓[/] {head}")
    if output is None:
        out.print(f"\n    [bold]{escape(rest['text'])}[/]\n", soft_wrap=True)
        out.print(f"  [dim]It is not shown again.{shown}[/]")
    else:
        out.print(f"  in {escape(str(output))}{stored}")
