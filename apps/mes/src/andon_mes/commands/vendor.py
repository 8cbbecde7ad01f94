"""`andon-mes vendor-check`, `vendor-contract`, `vendor-kit`: what a plant and its vendors agree on."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from andon_mes.kernel.errors import Words
    from andon_mes.settings import Settings
    from andon_mes.vendor.model import Checked, Contract


class Language(StrEnum):
    """Of what is said."""

    EN = "en"
    KO = "ko"


class FileKind(StrEnum):
    """Which file: work begins (start), or work ended (complete)."""

    START = "start"
    COMPLETE = "complete"


_SIGNS = {"error": "✗", "warning": "!"}
Source = Annotated[
    Path | None,
    typer.Option(help="The plant's published contract; without it, that of the MES's own database."),
]
Model = Annotated[
    str | None, typer.Option("--model", help="Of which product model; else of all that have no own schema.")
]


def install(cli: typer.Typer, settings: "Callable[[], Settings]") -> None:
    """Add the commands to `cli`; `settings` reads the environment, for those that need the database."""

    def contract_in(source: Path | None, model: str | None = None) -> "Contract":
        return _from_file(source) if source is not None else _from_database(settings(), model)

    @cli.command("vendor-check")
    def vendor_check(
        files: Annotated[list[Path], typer.Argument(help="Files, or folders with .json files.")],
        contract: Source = None,
        kind: Annotated[
            FileKind | None,
            typer.Option(
                help="Which files they are; else start, if the name begins so and no is_pass is within."
            ),
        ] = None,
        zone: Annotated[
            str | None, typer.Option(help="Zone of times that have none, such as Asia/Seoul.")
        ] = None,
        model: Model = None,
        lang: Annotated[Language, typer.Option(help="Of what is said.")] = Language.EN,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Say what the MES would make of a vendor's files. Ends with 1 when one would be refused.

        Examples:

          andon-mes vendor-check COMPLETE_EOL.json --contract contract.json

          andon-mes vendor-check out/ --zone Asia/Seoul --lang ko
        """
        from andon_mes.vendor.check import check
        from andon_mes.vendor.model import Kind

        terms, local = contract_in(contract, model), _zone(zone)
        results = [
            (path, check(content, terms, Kind(kind or _kind_of(path, content)), zone=local))
            for path, content in ((each, each.read_bytes()) for each in _listed(files))
        ]
        if as_json:
            typer.echo(json.dumps([_result(*each) for each in results], ensure_ascii=False, indent=2))
        else:
            for path, found in results:
                _show(path, found, lang)
        raise typer.Exit(0 if all(found.is_accepted for _, found in results) else 1)

    @cli.command("vendor-contract")
    def vendor_contract(
        out: Annotated[Path | None, typer.Option(help="File to write; else it is printed.")] = None,
        model: Model = None,
    ) -> None:
        """Publish what the plant demands of vendors' files: JSON Schemas, process by process.

        Example:

          andon-mes vendor-contract --out contract.json
        """
        from andon_mes.vendor.documents import as_document

        text = json.dumps(as_document(contract_in(None, model)), ensure_ascii=False, indent=2)
        if out is None:
            typer.echo(text)
            return
        out.write_text(f"{text}\n", encoding="utf-8")
        typer.echo(f"✓ {out}")

    @cli.command("vendor-kit")
    def vendor_kit(
        folder: Annotated[Path, typer.Argument(help="Folder to write the kit into; made if absent.")],
    ) -> None:
        """Write the conformance kit: files of seven dialects, and kit.toml with what must become of each.

        Some must be refused, so that vendor-check of the kit ends with 1. Example:

          andon-mes vendor-kit kit && andon-mes vendor-check kit --zone Asia/Seoul
        """
        from andon_mes.vendor import kit

        folder.mkdir(parents=True, exist_ok=True)
        for name, content in kit.files().items():
            (folder / name).write_bytes(content)
        for each in kit.samples():
            typer.echo(f"{'✓' if each.is_accepted else '✗'} {each.name:38} {each.shows.en}")


def _from_file(source: Path) -> "Contract":
    from andon_mes.kernel.errors import InvalidInput
    from andon_mes.vendor.documents import contract_of

    try:
        return contract_of(json.loads(source.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError) as error:
        raise _fail(f"{source} cannot be read: {error}") from error
    except InvalidInput as error:
        raise _fail(f"{source}: {error.problem.detail.en}. {error.problem.fix.en}.") from error


def _from_database(settings: "Settings", model: str | None) -> "Contract":
    import asyncio

    from andon_mes.kernel.errors import Unavailable
    from andon_mes.store.engine import open_database
    from andon_mes.vendor.store import contract

    where = str(settings.database)
    if "://" not in where and not Path(where).exists():
        raise _no_database(where)
    database = open_database(settings.database, busy_timeout=settings.busy_timeout)
    try:
        return asyncio.run(database.read(lambda connection: contract(connection, model)))
    except Unavailable as error:
        raise _no_database(where) from error
    finally:
        database.close()


def _no_database(where: str) -> typer.Exit:
    return _fail(
        f"There is no MES database at {where}. Name the plant's contract with --contract; "
        "the plant publishes it at /api/v1/vendor-contract."
    )


def _listed(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for each in files:
        within = sorted(each.glob("*.json")) if each.is_dir() else [each]
        if not within:
            raise _fail(f"There is no .json in {each}")
        found.extend(within)
    missing = [each for each in found if not each.is_file()]
    if missing:
        raise _fail(f"There is no file {missing[0]}")
    return found


def _kind_of(path: Path, content: bytes) -> FileKind:
    is_start = path.name.lower().startswith(FileKind.START) and b'"is_pass"' not in content
    return FileKind.START if is_start else FileKind.COMPLETE


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError) as error:
        raise _fail(f"There is no zone {name!r}. Use a name such as Asia/Seoul.") from error


def _show(path: Path, found: "Checked", lang: Language) -> None:
    typer.echo(f"{'✓' if found.is_accepted else '✗'} {path}")
    for each in found.findings:
        where = f"{each.field}: " if each.field else ""
        typer.echo(f"   {_SIGNS[each.weight]} {where}{_in(lang, each.what)}. {_in(lang, each.fix)}.")


def _result(path: Path, found: "Checked") -> dict[str, Any]:
    return {
        "file": str(path),
        "accepted": found.is_accepted,
        "findings": [each.as_document() for each in found.findings],
    }


def _in(lang: Language, words: "Words") -> str:
    return str(asdict(words)[lang])


def _fail(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(2)
