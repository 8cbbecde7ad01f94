"""The rows of outside systems' answers: one for each gate of a rollout, with its record, written once."""

import asyncio
from dataclasses import replace

from andon.kernel.errors import Conflict
from andon.rollouts.outside.model import Answer
from andon.rollouts.outside.store import AnswerStore
from andon.rollouts.outside.webhooks import Word
from andon.store.engine import Database
from andon.testing.rolling import AT, a_rollout
from andon.timeline.records import Severity
from andon.timeline.store import Filter, TimelineStore

ROLLOUT = a_rollout()
YES = Answer(ROLLOUT.id, "board", Word.YES, "CAB-12", "token:cab", AT)


async def test_an_answer_is_written_with_its_record_and_once(any_database: Database) -> None:
    store = AnswerStore(any_database)
    assert await store.list(ROLLOUT.id) == {}
    assert await store.put(ROLLOUT, YES)
    assert not await store.put(ROLLOUT, replace(YES, reason="again"))
    assert await store.list(ROLLOUT.id) == {"board": YES}
    (record,) = await TimelineStore(any_database).list(Filter(kind="gate.answered"))
    event = record.event
    assert (event.subject, event.actor, event.reason) == ("rollout/ro-1", "token:cab", "CAB-12")
    assert event.after == {"gate": "board", "answer": "yes", "step": 0}


async def test_the_first_word_counts_also_of_several_at_once(any_database: Database) -> None:
    store = AnswerStore(any_database)
    no = replace(YES, word=Word.NO, actor="webhook:board")
    done = await asyncio.gather(
        *(store.put(ROLLOUT, each) for each in (YES, no, YES, no)), return_exceptions=True
    )
    kept = (await store.list(ROLLOUT.id))["board"]
    assert sum(each is True for each in done) == 1
    assert sum(isinstance(each, Conflict) and each.code == "already-answered" for each in done) == 2
    records = await TimelineStore(any_database).list(Filter(kind="gate.answered"))
    assert [each.event.after["answer"] for each in records] == [kept.word.value]
    assert records[0].event.severity is (Severity.WARNING if kept.word is Word.NO else Severity.INFO)
