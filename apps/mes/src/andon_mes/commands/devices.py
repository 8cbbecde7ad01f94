"""`andon-mes devices`: credentials of stations and other programs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andon_mes.commands.running import checked, shown, write

if TYPE_CHECKING:
    from andon_mes.access.model import Device

devices = typer.Typer(no_args_is_help=True, help="Credentials of stations and of other programs.")

_Name = Annotated[str, typer.Argument(help="Name of the device, such as LMA-1.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@devices.command(
    epilog="Examples:  andon-mes devices issue LMA-1 --process LMA  |  "
    "andon-mes devices issue erp --role line_lead --expires 2027-01-01 --json"
)
def issue(
    name: _Name,
    role: Annotated[str, typer.Option(help="Its rights: station, or another role but admin.")] = "station",
    process: Annotated[str | None, typer.Option(help="The only process that it serves.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends (UTC); never without it.")] = None,
    as_json: _Json = False,
) -> None:
    """Let a device in, and print its credential: once, as only its hash is kept."""
    from andon_mes.access import rights
    from andon_mes.access.devices import store
    from andon_mes.access.tokens import new_device_token

    token = new_device_token()
    chosen = checked(lambda: rights.device_role(rights.get_role(role)))
    ends = expires.replace(tzinfo=UTC) if expires else None
    new = store.NewDevice(name, chosen, process, ends)
    device = write(lambda each, author, clock: store.issue(each, new, token, author, clock.now()))
    shown({**_document(device), "credential": token}, _told(device, token), as_json=as_json)


@devices.command(epilog="Example:  andon-mes devices rotate LMA-1")
def rotate(name: _Name, as_json: _Json = False) -> None:
    """Give a device a new credential; the one before ends within seconds."""
    from andon_mes.access.devices import store
    from andon_mes.access.tokens import new_device_token

    token = new_device_token()
    device = write(lambda each, _author, _clock: store.rotate(each, name, token))
    shown({**_document(device), "credential": token}, _told(device, token), as_json=as_json)


@devices.command(epilog="Example:  andon-mes devices revoke LMA-1")
def revoke(name: _Name, as_json: _Json = False) -> None:
    """Let a device in no more; every instance knows within seconds."""
    from andon_mes.access.devices import store

    device = write(lambda each, author, clock: store.revoke(each, name, author, clock.now()))
    shown(_document(device), f"{device.name} is revoked.", as_json=as_json)


@devices.command("list", epilog="Example:  andon-mes devices list --json")
def list_(as_json: _Json = False) -> None:
    """All devices, those that were revoked as well."""
    from andon_mes.access.devices import store

    found = write(lambda each, _author, _clock: store.list_all(each))
    lines = [
        f"{each.name}  {each.role}  {each.process or 'any process'}  "
        f"{'revoked' if each.revoked_at else 'last seen ' + str(each.last_seen_at or 'never')}"
        for each in found
    ]
    shown([_document(each) for each in found], "\n".join(lines) or "There are no devices.", as_json=as_json)


def _document(device: "Device") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(device)


def _told(device: "Device", token: str) -> str:
    where = f"process {device.process}" if device.process else "any process"
    return (
        f"{device.name} is let in as {device.role}, for {where}. Its credential is shown only now:\n{token}\n"
        f"The device sends it as  Authorization: Bearer {token[:9]}..."
    )
