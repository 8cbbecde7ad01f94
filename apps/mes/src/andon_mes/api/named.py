"""Which attempt a body is about: its serial and process, or the `process_data_id` that a start answered."""

from andon_mes.kernel.errors import Words, invalid
from andon_mes.processes import store
from andon_mes.store.engine import Connection

Named = tuple[str | None, str | None, int | None]
"""What a body says: serial_number, process_code, process_data_id."""


def require_named(connection: Connection, said: Named, unclear: Words) -> tuple[str, str]:
    """Serial number and process code of the attempt; what is not said is that of its `process_data_id`.

    Raises: InvalidInput, in the words `unclear`, when it is not known which attempt is meant.
    """
    number, process, attempt_id = said
    if (number is None or process is None) and attempt_id is not None:
        found = store.find_attempt_key(connection, attempt_id)
        number, process = number or (found and found[0]), process or (found and found[1])
    if number is None or process is None:
        raise invalid(
            "serial_number",
            said[0],
            unclear,
            Words(
                "Send serial_number and process_code, or a process_data_id that a start answered",
                "serial_number와 process_code, 또는 시작 시 받은 process_data_id를 보내세요",
            ),
        )
    return number, process
