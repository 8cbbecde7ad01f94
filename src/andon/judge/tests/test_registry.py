"""A policy's judge is found by its name; one that is gone, or breaks, promotes nothing and says so."""

from dataclasses import replace

import pytest

from andon.judge import sequential
from andon.judge.model import Counts, JudgePolicy, Look, MetricPolicy, Outcome, Verdict
from andon.judge.options import Limits, Threshold
from andon.judge.own import MOST_NUMBERS, Own
from andon.judge.registry import Judges
from andon.kernel.errors import InvalidInput

ERRORS = MetricPolicy("errors", alpha=0.01)
ALIKE = {"errors": Look(Counts(20_000, 400), Counts(20_000, 400))}
SILENT = {"errors": Look(Counts(20_000, 400), Counts())}


def a_policy(judge, *metrics, **fields):
    return JudgePolicy(metrics or (ERRORS,), judge=judge, **fields)


class Patient:
    """A plant's own judge: passes after so many looks; it shows what the protocol needs."""

    def start(self, policy):
        if policy.options.get("looks", 1) < 1:
            raise InvalidInput("judge.policy", "patient: looks must be at least 1")
        return {"looks": (0.0,)}

    def update(self, memory, looks, policy, at):
        return {"looks": (memory["looks"][0] + 1,), "at": (at,)}

    def judge(self, state, policy):
        seen, wanted = state.memory["looks"][0], policy.options.get("looks", 1)
        outcome = Outcome.PASS if seen >= wanted else Outcome.INCONCLUSIVE
        return Verdict(outcome, f"{seen:g} of {wanted:g} looks")


PATIENT = a_policy("patient", options={"looks": 2.0})


def verdict_of(judges, policy, *looks):
    state = judges.start(policy)
    for number, look in enumerate(looks):
        state = judges.update(state, look, policy, 60.0 * number)
    return judges.judge(state, policy)


@pytest.mark.parametrize(
    "policy",
    [
        a_policy("sequential"),
        a_policy("mann-whitney"),
        a_policy("threshold", threshold=Threshold(metrics={"errors": Limits(most=0.5)})),
        PATIENT,
    ],
    ids=lambda policy: policy.judge,
)
def test_a_policy_s_judge_judges(policy):
    judges = Judges({"patient": Patient()})
    assert judges.problem(judges.start(policy), policy) == ""
    assert verdict_of(judges, policy).outcome is Outcome.INCONCLUSIVE
    state = judges.observe_ratio(judges.start(policy), Look(Counts(9000), Counts(1000)), 0.5, policy)
    assert state.ratio.segment_candidate == 1000


def test_the_default_judge_is_the_module_itself():
    policy = a_policy("sequential")
    state = sequential.update(sequential.start(policy), ALIKE, policy)
    assert verdict_of(Judges(), policy, ALIKE) == sequential.judge(state, policy)


def test_a_plant_s_own_judge_decides_with_its_options_and_its_memory():
    judges = Judges({"patient": Patient()})
    assert verdict_of(judges, PATIENT, ALIKE).reason == "1 of 2 looks"
    verdict = verdict_of(judges, PATIENT, ALIKE, ALIKE)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, "2 of 2 looks")
    assert verdict.findings[0].candidate == Counts(40_000, 800)
    assert (verdict.findings[0].outcome, verdict.findings[0].reason) == (Outcome.PASS, "2 of 2 looks")
    assert judges.names == ("sequential", "mann-whitney", "threshold", "patient")


def test_a_policy_that_it_refuses_is_refused():
    with pytest.raises(InvalidInput, match="looks must be at least 1"):
        Judges({"patient": Patient()}).start(a_policy("patient", options={"looks": 0.0}))


def test_an_unknown_judge_is_refused_when_the_rollout_begins():
    judges = Judges({"patient": Patient()}, {"torn": "ImportError: no module named torn"})
    with pytest.raises(
        InvalidInput, match="the judge 'impatient' cannot judge here: it is not installed"
    ) as got:
        judges.start(a_policy("impatient"))
    assert got.value.hint == "judges here: sequential, mann-whitney, threshold, patient"
    with pytest.raises(InvalidInput, match="ImportError: no module named torn"):
        judges.start(a_policy("torn"))


def test_a_judge_that_is_gone_promotes_nothing_and_says_so():
    state = Judges({"patient": Patient()}).start(PATIENT)
    judges = Judges()
    assert judges.missing(PATIENT) == "the judge 'patient' cannot judge here: it is not installed"
    state = judges.observe_ratio(state, ALIKE["errors"], 0.5, PATIENT)
    assert state.ratio.segment_candidate == 0
    state = judges.update(state, ALIKE, PATIENT, 60.0)
    verdict = judges.judge(state, PATIENT)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, judges.problem(state, PATIENT))
    again = Judges({"patient": Patient()})
    assert again.problem(state, PATIENT).startswith("evidence came while")
    back = again.judge(state, PATIENT)
    assert back.outcome is Outcome.INCONCLUSIVE
    assert back.reason.startswith("evidence came while the judge 'patient' cannot judge here")


def test_nobody_takes_the_name_of_what_comes_with_andon():
    judges = Judges({"sequential": Patient()})
    assert judges.start(a_policy("sequential")) == sequential.start(a_policy("sequential"))
    assert judges.names == ("sequential", "mann-whitney", "threshold")


class Broken(Patient):
    def __init__(self, where, error=None):
        self.where, self.error = where, error or ZeroDivisionError("oh")

    def start(self, policy):
        if self.where == "start":
            raise self.error
        return super().start(policy)

    def update(self, memory, looks, policy, at):
        if self.where == "update" and at == 0.0:
            raise self.error
        return super().update(memory, looks, policy, at)

    def judge(self, state, policy):
        if self.where == "judge":
            raise self.error
        return Verdict("good", "?") if self.where == "outcome" else super().judge(state, policy)


@pytest.mark.parametrize("where", ["update", "judge", "outcome"])
def test_a_judge_that_breaks_promotes_nothing_and_says_so(where):
    judges = Judges({"patient": Broken(where)})
    verdict = verdict_of(judges, PATIENT, ALIKE, ALIKE, ALIKE, ALIKE)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.startswith("the judge 'patient' broke in ")
    state = judges.update(judges.start(PATIENT), ALIKE, PATIENT, 0.0)
    assert bool(judges.problem(state, PATIENT)) is (where == "update")
    assert Own("patient", Patient()).problem(state, PATIENT) == state.problem


def test_a_judge_that_breaks_at_the_beginning_is_refused():
    with pytest.raises(InvalidInput, match="broke in start: ZeroDivisionError: oh"):
        Judges({"patient": Broken("start")}).start(PATIENT)
    with pytest.raises(InvalidInput, match=r"^no$"):
        Judges({"patient": Broken("start", InvalidInput("x", "no"))}).start(PATIENT)


def test_a_judge_that_refuses_later_judges_no_more():
    judges = Judges({"patient": Broken("update", InvalidInput("x", "no"))})
    assert verdict_of(judges, PATIENT, ALIKE).reason == "the judge 'patient' refuses in update: no"


def test_a_judge_may_not_remember_without_end():
    class Hoarder(Patient):
        def update(self, memory, looks, policy, at):
            return {"looks": (0.0,) * (MOST_NUMBERS + 1)}

    verdict = verdict_of(Judges({"patient": Hoarder()}), PATIENT, ALIKE)
    assert "it remembers 10001 numbers; 10000 are the most" in verdict.reason


def test_no_judge_passes_without_evidence_of_every_required_metric():
    judges = Judges({"patient": Patient()})
    verdict = verdict_of(judges, PATIENT, SILENT, SILENT)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "no evidence of errors from the candidate yet"
    optional = replace(PATIENT, metrics=(replace(ERRORS, required=False),))
    assert verdict_of(judges, optional, ALIKE, ALIKE).reason.startswith("no evidence of any required metric")


def test_no_judge_overrules_a_guardrail_or_a_broken_split():
    judges = Judges({"patient": Patient()})
    guarded = replace(PATIENT, metrics=(replace(ERRORS, guardrail=0.01),))
    bad = {"errors": Look(Counts(100, 1), Counts(1000, 300))}
    verdict = verdict_of(judges, guarded, bad, bad)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings[0].by_guardrail
    state = judges.observe_ratio(judges.start(PATIENT), Look(Counts(9000), Counts(1000)), 0.5, PATIENT)
    assert judges.judge(state, PATIENT).outcome is Outcome.INVALID


def test_a_judge_may_bring_its_own_findings():
    class Telling(Patient):
        def judge(self, state, policy):
            found = sequential.judge(state, policy).findings
            return Verdict(Outcome.FAIL, "no", (replace(found[0], reason="mine"),))

    verdict = verdict_of(Judges({"patient": Telling()}), PATIENT, ALIKE)
    assert [each.reason for each in verdict.findings] == ["mine"]
