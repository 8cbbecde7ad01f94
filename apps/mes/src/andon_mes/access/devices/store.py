"""The rows of devices. A credential is shown to whoever issues it, and kept as its SHA-256."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from andon_mes.access.model import Device, Role
from andon_mes.access.store import DEVICES, changed, device_of
from andon_mes.access.tokens import digest
from andon_mes.kernel.errors import Conflict, NotFound, Problem, Words, invalid
from andon_mes.store.schema import devices, processes

_BY_NAME = DEVICES.where(devices.c.name == sa.bindparam("name"))
_ALL = DEVICES.order_by(devices.c.name)
_UPDATE = sa.update(devices).where(devices.c.id == sa.bindparam("device_id"))


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to be let in. `process`: the only process that it serves; None for any."""

    name: str
    role: Role
    process: str | None = None
    expires_at: datetime | None = None


def issue(connection: sa.Connection, new: NewDevice, token: str, by: str, at: datetime) -> Device:
    """Let the device in that shows `token`.

    Raises: Conflict when the name is taken, also by one that was revoked: its rows speak of that one.
        InvalidInput when there is no such process.
    """
    if find(connection, new.name) is not None:
        raise _taken(new.name)
    row = {
        "name": new.name,
        "token_hash": digest(token),
        "role": new.role.value,
        "process_id": _process_id(connection, new.process),
        "created_by": by,
        "created_at": at,
        "expires_at": new.expires_at,
    }
    connection.execute(sa.insert(devices), row)
    changed(connection)
    return get(connection, new.name)


def rotate(connection: sa.Connection, name: str, token: str) -> Device:
    """Let the device in by `token` from now on, and no longer by what it showed before.

    Raises: NotFound; Conflict when it was revoked.
    """
    device = get(connection, name)
    if device.revoked_at is not None:
        raise _is_revoked(name)
    connection.execute(_UPDATE.values(token_hash=digest(token)), {"device_id": device.id})
    changed(connection)
    return get(connection, name)


def revoke(connection: sa.Connection, name: str, by: str, at: datetime) -> Device:
    """Let the device in no more; again changes nothing. Raises: NotFound."""
    device = get(connection, name)
    if device.revoked_at is None:
        connection.execute(_UPDATE.values(revoked_at=at, revoked_by=by), {"device_id": device.id})
        changed(connection)
    return get(connection, name)


def find(connection: sa.Connection, name: str) -> Device | None:
    """The device of that name."""
    row = connection.execute(_BY_NAME, {"name": name}).one_or_none()
    return None if row is None else device_of(row)


def get(connection: sa.Connection, name: str) -> Device:
    """The device of that name. Raises: NotFound."""
    found = find(connection, name)
    if found is None:
        raise _unknown(name)
    return found


def list_all(connection: sa.Connection) -> Sequence[Device]:
    """Every device, by name, those that were revoked as well."""
    return [device_of(row) for row in connection.execute(_ALL)]


def _process_id(connection: sa.Connection, code: str | None) -> int | None:
    if code is None:
        return None
    known = {row.code: row.id for row in connection.execute(sa.select(processes.c.code, processes.c.id))}
    if code in known:
        return int(known[code])
    listed = ", ".join(known)
    raise invalid(
        "process",
        code,
        Words(f"There is no process {code!r}", f"공정 {code!r}이(가) 없습니다"),
        Words(f"Use one of: {listed}", f"다음 중 하나를 사용하세요: {listed}"),
        code="PROCESS_UNKNOWN",
    )


def _taken(name: str) -> Conflict:
    return Conflict(
        Problem(
            "DEVICE_EXISTS",
            Words("There is a device of this name", "같은 이름의 장치가 있습니다"),
            Words(f"{name!r} is taken, now or by a revoked device", f"{name!r}은(는) 이미 사용된 이름입니다"),
            Words(
                "Rotate its credential, or choose another name",
                "기존 장치의 자격 증명을 교체하거나 다른 이름을 쓰세요",
            ),
        )
    )


def _is_revoked(name: str) -> Conflict:
    return Conflict(
        Problem(
            "DEVICE_REVOKED",
            Words("The device was revoked", "폐기된 장치입니다"),
            Words(f"{name!r} is let in no more", f"{name!r}은(는) 더 이상 사용할 수 없습니다"),
            Words("Issue a new device under a new name", "새 이름으로 장치를 새로 발급하세요"),
        )
    )


def _unknown(name: str) -> NotFound:
    return NotFound(
        Problem(
            "DEVICE_UNKNOWN",
            Words("There is no such device", "해당 장치가 없습니다"),
            Words(f"No device is named {name!r}", f"이름이 {name!r}인 장치가 없습니다"),
            Words("List them with andon-mes devices list", "andon-mes devices list로 확인하세요"),
        )
    )
