"""The rows of outside systems' answers: one for each gate of a rollout, written once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, String, Table, Text, insert, select

from andon.kernel.errors import Conflict
from andon.kernel.ids import RolloutId
from andon.rollouts.model import Rollout
from andon.rollouts.outside.model import Answer
from andon.rollouts.outside.webhooks import Word
from andon.store.engine import Database
from andon.store.schema import UtcDateTime, metadata
from andon.timeline import store as timeline
from andon.timeline.records import Event, Severity

ANSWERED = "gate.answered"
gate_answers = Table(
    "gate_answers",
    metadata,
    Column("rollout", String(60), primary_key=True),
    Column("gate", String(60), primary_key=True),
    Column("word", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


class AnswerStore:
    """Reads and writes answers. Whether an answer may be given now is asked in `commands.py`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, rollout: RolloutId) -> Mapping[str, Answer]:
        """The answers at the gates of a rollout, by gate."""
        query = select(gate_answers).where(gate_answers.c.rollout == rollout)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {row.gate: _answer(row) for row in rows}

    async def put(self, rollout: Rollout, answer: Answer) -> bool:
        """Write an answer and its record, in one transaction; False where this very word stood there before.

        Raises:
            Conflict: another word stands there; the first one counts.
        """
        query = select(gate_answers).where(
            gate_answers.c.rollout == answer.rollout, gate_answers.c.gate == answer.gate
        )
        try:
            async with self._database.transaction() as tx:
                row = (await tx.execute(query)).one_or_none()
                if row is None:
                    await tx.execute(insert(gate_answers).values(**_row(answer)))
                    await timeline.append(tx, _told(rollout, answer), answer.at)
                    return True
        except Conflict as error:
            if error.code != "already-there":
                raise
            return await self.put(rollout, answer)  # somebody was faster: now there is a row to compare with
        if row.word == answer.word:
            return False
        raise Conflict(
            "already-answered",
            f"{row.actor} has answered {row.word} at gate {answer.gate} of rollout {answer.rollout}",
            hint="the first answer counts; andon abort ends the rollout",
        )


def _row(answer: Answer) -> dict[str, Any]:
    return {
        "rollout": answer.rollout,
        "gate": answer.gate,
        "word": answer.word.value,
        "reason": answer.reason,
        "actor": answer.actor,
        "at": answer.at,
    }


def _answer(row: Any) -> Answer:
    return Answer(RolloutId(row.rollout), row.gate, Word(row.word), row.reason, row.actor, row.at)


def _told(rollout: Rollout, answer: Answer) -> Event:
    return Event(
        kind=ANSWERED,
        subject=f"rollout/{rollout.id}",
        actor=answer.actor,
        reason=answer.reason or f"{answer.word} at gate {answer.gate}",
        unit=rollout.unit,
        environment=rollout.environment,
        severity=Severity.WARNING if answer.word is Word.NO else Severity.INFO,
        after={"gate": answer.gate, "answer": answer.word.value, "step": rollout.step},
        correlation=rollout.id,
    )
