"""From the domains' values to what the API answers. Pure: no store, no clock."""

import math
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from andon.access.signatures.model import Document, Signature, Standing
from andon.api import model, viewing
from andon.api.services import Look, Probe, StoredSet
from andon.judge import sequential
from andon.judge.model import Counts, Finding, MetricPolicy, Percentiles, Verdict
from andon.judge.outlook import outlook
from andon.judge.replay import Settled
from andon.kernel.ids import UnitName, Version
from andon.pipelines.model import Run, RunState, StageName, StageStatus
from andon.releases.model import Release
from andon.releases.notes import Notes
from andon.rollouts import waves
from andon.rollouts.gates import Answered
from andon.rollouts.group import Turn
from andon.rollouts.history import Entry
from andon.rollouts.holds.model import Hold
from andon.rollouts.model import Cord, Phase, Rollout, Stage
from andon.rollouts.replays import Replayed
from andon.rollouts.sets.model import SetRollout
from andon.rollouts.steps import FleetPlan, Plan
from andon.targets.model import Instance
from andon.targets.stations import FleetSeen, Heads
from andon.timeline.records import Record
from andon.units.evidence import Evidence
from andon.units.model import Manifest

_GATEWAY_TITLES = {"errors": ("Request errors", "요청 오류")}


def titles(name: str, manifest: Manifest | None) -> tuple[str, str]:
    """A metric's names for people, English and Korean, as its manifest gives them."""
    evidence: Evidence | None = manifest.evidence.get(name) if manifest else None
    english = evidence.title if evidence else ""
    korean = evidence.title_ko if evidence else ""
    fallback = _GATEWAY_TITLES.get(name, (name, name))
    return english or fallback[0], korean or english or fallback[1]


def instance(seen: Instance) -> model.InstanceView:
    """An instance."""
    return model.InstanceView(
        id=seen.id,
        unit=seen.unit,
        environment=seen.environment,
        version=seen.version,
        state=seen.state.value,
        host=seen.host,
        port=seen.port,
        pid=seen.pid,
        restarts=seen.restarts,
        failed_checks=seen.failed_checks,
        since=seen.since,
        detail=seen.detail,
    )


def record(seen: Record) -> model.RecordView:
    """A record of the timeline."""
    event = seen.event
    return model.RecordView(
        number=seen.number,
        at=seen.at,
        kind=event.kind,
        subject=event.subject,
        actor=event.actor,
        reason=event.reason,
        unit=event.unit,
        environment=event.environment,
        severity=event.severity.value,
        before=event.before,
        after=event.after,
        role=event.role,
        source=event.source,
        correlation=event.correlation,
        hash=seen.hash,
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[model.ChangeView]:
    """The values that differ, by name."""
    return [
        model.ChangeView(name=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def cord(pulled: Cord) -> model.CordView:
    """A pulled cord."""
    return model.CordView(
        environment=pulled.environment,
        returns=pulled.returns,
        actor=pulled.actor,
        reason=pulled.reason,
        at=pulled.at,
    )


def hold(held: Hold) -> model.HoldView:
    """A hold."""
    return model.HoldView(
        unit=held.unit,
        environment=held.environment,
        version=held.version,
        rollout=held.rollout,
        actor=held.actor,
        reason=held.reason,
        at=held.at,
    )


def turn(one: Turn) -> viewing.TurnView:
    """What going back does to one unit."""
    return viewing.TurnView(
        unit=one.unit,
        leaving=one.leaving,
        to=one.to,
        is_abort=one.is_abort,
        rollout=one.rollout or None,
        problem=one.problem,
    )


def history(entry: Entry) -> model.HistoryView:
    """A rollout with what became of its release."""
    rollout = entry.rollout
    took = rollout.finished_at - rollout.created_at if rollout.finished_at else None
    return model.HistoryView(
        rollout=summary(rollout),
        is_rollback=rollout.plan.is_rollback,
        verdict=rollout.verdict.reason if rollout.verdict else None,
        duration_s=None if took is None else _seconds(took),
        ran_from=entry.ran_from,
        ran_until=entry.ran_until,
        is_withdrawn=entry.is_withdrawn,
        can_return=entry.can_return,
    )


def set_release(stored: StoredSet) -> viewing.SetView:
    """A published set."""
    release = stored.release
    members = [viewing.MemberView(unit=each.unit, version=each.version) for each in release.members]
    return viewing.SetView(
        name=release.name, version=release.version, members=members, actor=stored.actor, at=stored.at
    )


def set_rollout(moving: SetRollout) -> viewing.SetRolloutView:
    """A set on its way."""
    return viewing.SetRolloutView(
        id=moving.id,
        name=moving.name,
        version=moving.version,
        environment=moving.environment,
        phase=moving.phase.value,
        is_over=moving.phase.is_over,
        is_open=moving.is_open,
        parts=[
            viewing.PartView(
                unit=each.unit, version=each.version, rollout=each.rollout or None, back=each.back or None
            )
            for each in moving.parts
        ],
        reason=moving.reason,
        actor=moving.actor,
        created_at=moving.created_at,
        finished_at=moving.finished_at,
    )


def release(published: Release, revoked: Container[tuple[UnitName, Version]]) -> model.ReleaseView:
    """A release. revoked: those that can be installed nowhere any more."""
    return model.ReleaseView(
        id=published.id,
        unit=published.unit,
        version=published.version,
        source=published.source,
        run=published.run,
        created_at=published.created_at,
        artifacts=[
            model.ArtifactView(
                role=each.role.value, name=each.name, sha256=each.sha256, size_bytes=each.size_bytes
            )
            for each in published.artifacts
        ],
        is_revoked=(published.unit, published.version) in revoked,
    )


def release_detail(
    published: Release, revoked: Container[tuple[UnitName, Version]], notes: Notes
) -> model.ReleaseDetail:
    """A release with its notes."""
    shown = release(published, revoked).model_dump()
    return model.ReleaseDetail(**shown, notes=notes.text, notes_fault=notes.fault)


def run(walk: Run) -> model.RunView:
    """A pipeline run."""
    needs = {each.name: each.needs for each in walk.plan}
    return model.RunView(
        id=walk.id,
        unit=walk.unit,
        version=walk.version,
        path=walk.path,
        state=walk.state.value,
        is_over=walk.state is not RunState.RUNNING,
        stages=[stage(each, needs.get(each.name, ())) for each in walk.stages],
        actor=walk.actor,
        reason=walk.reason,
        created_at=walk.created_at,
        finished_at=walk.finished_at,
        duration_s=_seconds(walk.finished_at - walk.created_at) if walk.finished_at else None,
    )


def stage(status: StageStatus, needs: Sequence[StageName] = ()) -> model.StageView:
    """A stage of a run, with the stages that it waits for."""
    took = status.finished_at - status.started_at if status.finished_at and status.started_at else None
    return model.StageView(
        name=status.name.value,
        needs=[each.value for each in needs],
        state=status.state.value,
        attempt=status.attempt,
        started_at=status.started_at,
        finished_at=status.finished_at,
        duration_s=None if took is None else _seconds(took),
        summary=status.summary,
    )


def plan(frozen: Plan, manifest: Manifest | None, rollout: Rollout | None = None) -> model.PlanView:
    """A plan; with its rollout, each step says where it is."""
    return model.PlanView(
        hash=frozen.hash,
        strategy=frozen.strategy.value,
        instances=frozen.instances,
        stable_instances=frozen.stable_instances,
        needs_gap=frozen.needs_gap,
        is_rollback=frozen.is_rollback,
        notes=list(frozen.notes),
        require_evidence=frozen.require_evidence,
        warm_s=_seconds(frozen.warm),
        ready_deadline_s=_seconds(frozen.ready_deadline),
        drain_timeout_s=_seconds(frozen.drain_timeout),
        steps=[
            model.StepView(
                index=index,
                share=step.share,
                candidate_instances=step.candidate_instances,
                stable_instances=step.stable_instances,
                soak_s=_seconds(step.soak),
                is_judged=step.is_judged,
                max_wait_s=_seconds(step.max_wait),
                state=_step_state(index, rollout),
                ring=step.ring,
            )
            for index, step in enumerate(frozen.steps)
        ],
        metrics=[_metric_policy(each, manifest) for each in frozen.policy.metrics],
        judge=frozen.policy.judge,
        combine=frozen.policy.combine.value,
    )


def _step_state(index: int, rollout: Rollout | None) -> Any:
    phase = rollout.working_phase if rollout else Phase.PREPARING
    if rollout is None or phase is Phase.PREPARING:
        return "waiting"
    if phase in {Phase.FINISHING, Phase.PROMOTED} or index < rollout.step:
        return "done"
    if index > rollout.step:
        return "skipped" if phase in {Phase.RETURNING, Phase.RETURNED} else "waiting"
    return "current"


def _metric_policy(policy: MetricPolicy, manifest: Manifest | None) -> model.MetricPolicyView:
    english, korean = titles(policy.name, manifest)
    return model.MetricPolicyView(
        name=policy.name,
        title=english,
        title_ko=korean,
        alpha=policy.alpha,
        beta=policy.beta,
        margin=policy.margin,
        acceptable=policy.acceptable,
        guardrail=policy.guardrail,
        required=policy.required,
        kind=policy.kind.value,
    )


def verdict(said: Verdict) -> model.VerdictView:
    """The judge's words."""
    return model.VerdictView(
        outcome=said.outcome.value, reason=said.reason, findings=[finding(each) for each in said.findings]
    )


def finding(said: Finding) -> model.FindingView:
    """What one metric says."""
    return model.FindingView(
        metric=said.metric,
        outcome=said.outcome.value,
        reason=said.reason,
        stable=_count(said.stable),
        candidate=_count(said.candidate),
        ratio=_finite(said.ratio),
        low=said.interval[0],
        high=_finite(said.interval[1]),
        log_e_harm=_log(said.e_harm),
        log_e_safe=_log(said.e_safe),
        log_harm_boundary=_log(said.harm_boundary),
        log_safe_boundary=_log(said.safe_boundary),
        events_needed=said.events_needed,
        exposure_needed=said.exposure_needed,
        by_guardrail=said.by_guardrail,
        edge=said.edge,
        percentiles=None if said.percentiles is None else _percentiles(said.percentiles),
    )


def _percentiles(said: Percentiles) -> model.PercentilesView:
    return model.PercentilesView(
        stable_p50=_finite(said.stable_p50),
        stable_p95=_finite(said.stable_p95),
        candidate_p50=_finite(said.candidate_p50),
        candidate_p95=_finite(said.candidate_p95),
    )


def summary(rollout: Rollout) -> model.RolloutSummary:
    """A rollout in one line."""
    return model.RolloutSummary(**_line(rollout))


def _line(rollout: Rollout) -> dict[str, Any]:
    return {
        "id": rollout.id,
        "unit": rollout.unit,
        "environment": rollout.environment,
        "stable": rollout.stable,
        "candidate": rollout.candidate,
        "strategy": rollout.plan.strategy.value,
        "phase": rollout.phase.value,
        "is_over": rollout.phase.is_over,
        "is_paused": rollout.is_paused,
        "share": rollout.share,
        "step": rollout.step,
        "steps": len(rollout.plan.steps),
        "outcome": rollout.verdict.outcome.value if rollout.verdict else None,
        "trigger": rollout.trigger.value if rollout.trigger else None,
        "reason": rollout.reason,
        "because": rollout.because,
        "waiting_for": "" if rollout.phase.is_over else rollout.waiting_for,
        "actor": rollout.actor,
        "created_at": rollout.created_at,
        "finished_at": rollout.finished_at,
    }


def rollout(
    whole: Rollout, instances: Sequence[Instance], manifest: Manifest | None = None
) -> model.RolloutView:
    """A rollout with its plan, findings and the instances of its two releases."""
    own = {whole.candidate, whole.stable}
    soak_until = None
    if whole.phase is Phase.STEPPING and whole.stage is Stage.SERVING and whole.step_since is not None:
        soak_until = whole.step_since + whole.plan.steps[whole.step].soak
    return model.RolloutView(
        **_line(whole),
        plan=plan(whole.plan, manifest, whole),
        verdict=verdict(whole.verdict) if whole.verdict else None,
        stage=whole.stage.value,
        held_from=whole.held_from.value if whole.held_from else None,
        frozen_at=whole.frozen_at,
        looked_at=whole.evidence.looked_at,
        entered_at=whole.entered_at,
        step_since=whole.step_since,
        soak_until=soak_until,
        deadline_at=whole.deadline_at,
        requested=whole.request.kind.value if whole.request else None,
        instances=[instance(each) for each in instances if each.version in own],
        waits_at=[each.kind.value for each in whole.gates],
        outlook=_outlook(whole),
    )


def fleet(seen: FleetSeen, plan: FleetPlan) -> model.FleetView:
    """The stations of a rollout's fleet, counted. plan: what fills its waves."""
    return model.FleetView(
        stations=seen.stations,
        pinned=seen.pinned,
        everybody=_heads(seen.everybody),
        wave=_heads(seen.wave),
        needed=waves.needed_now(plan, seen),
        answering=seen.answering,
        remaining=seen.remaining,
        remaining_silent=seen.remaining_silent,
        detail=seen.detail,
    )


def _heads(counted: Heads) -> model.HeadsView:
    return model.HeadsView(
        asked=counted.asked,
        confirmed=counted.confirmed,
        failed=counted.failed,
        lost=counted.lost,
        silent=counted.silent,
        under_way=counted.under_way,
    )


def _outlook(whole: Rollout) -> list[model.OutlookView]:
    if whole.phase is not Phase.STEPPING or whole.verdict is None:
        return []
    found = outlook(sequential, whole.judge, whole.plan.policy, whole.share)
    return [
        model.OutlookView(metric=each.metric, bad_to_fail=each.bad_to_fail, good_to_pass=each.good_to_pass)
        for each in found
    ]


def gate(answered: Answered, document: Document | None, why_not: str) -> model.GateView:
    """A gate; document: what an approval would sign now."""
    return model.GateView(
        is_open=answered.is_open,
        approvals_needed=answered.gate.approvals,
        approver_role=answered.gate.approver_role,
        approvals=[signature(*each) for each in answered.signatures],
        may_approve=not why_not,
        why_not=why_not,
        document=dict(document.values) if document else None,
        document_hash=document.hash if document else "",
    )


def signature(made: Signature, standing: Standing) -> model.SignatureView:
    """A signature with what it is worth today."""
    return model.SignatureView(**signature_values(made, standing))


def signature_values(made: Signature, standing: Standing) -> dict[str, Any]:
    """What every form of a signature shows."""
    return {
        "id": made.id,
        "action": made.document.action.value,
        "subject": made.document.subject,
        "signer": made.signer,
        "display_name": made.display_name,
        "meaning": made.meaning.value,
        "reason": made.reason,
        "at": made.at,
        "document_hash": made.document_hash,
        "standing": standing.value,
        "method": made.method,
    }


def look(stored: Look) -> model.LookView:
    """One look of the judge."""
    return model.LookView(
        seq=stored.seq,
        at=stored.at,
        share=stored.share,
        metrics={name: _look_metric(each) for name, each in stored.findings.items()},
    )


def replays(found: Sequence[Replayed]) -> model.ReplayView:
    """Former rollouts, judged again."""
    return model.ReplayView(
        rollouts=[_replayed(each) for each in found],
        changed=sum(each.is_changed for each in found),
        not_same=sum(not each.is_same for each in found),
    )


def _replayed(again: Replayed) -> model.ReplayedView:
    own = again.rollout
    return model.ReplayedView(
        rollout=own.id,
        unit=own.unit,
        environment=own.environment,
        stable=own.stable,
        candidate=own.candidate,
        created_at=own.created_at,
        phase=own.phase.value,
        looks=again.looks,
        is_same=again.is_same,
        recorded=_judged(again.recorded),
        proposed=None if again.proposed is None else _judged(again.proposed),
        is_changed=again.is_changed,
    )


def _judged(settled: Settled) -> model.JudgedView:
    return model.JudgedView(
        outcome=settled.verdict.outcome.value,
        reason=settled.verdict.reason,
        look=settled.look or None,
        at=datetime.fromtimestamp(settled.at, UTC) if settled.look else None,
        exposure=settled.exposure,
    )


def _look_metric(found: Mapping[str, Any]) -> model.LookMetric:
    return model.LookMetric(
        ratio=_finite(found.get("ratio")),
        low=_finite(found.get("low")) or 0.0,
        high=_finite(found.get("high")),
        log_e_harm=_finite(found.get("log_e_harm")) or 0.0,
        log_e_safe=_finite(found.get("log_e_safe")) or 0.0,
        stable=model.Count(**found["stable"]),
        candidate=model.Count(**found["candidate"]),
    )


def check(probe: Probe) -> model.Check:
    """One part and whether it works."""
    return model.Check(
        name=probe.name,
        is_good=not probe.problem,
        detail=probe.problem or probe.detail,
        hint=probe.hint if probe.problem else "",
    )


def checks(probes: Sequence[Probe]) -> model.Checks:
    """All parts together."""
    views = [check(each) for each in probes]
    return model.Checks(is_good=all(each.is_good for each in views), checks=views)


def _count(counts: Counts) -> model.Count:
    return model.Count(exposure=counts.exposure, bad=counts.bad)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _log(value: float) -> float:
    if value <= 0:
        return 0.0
    return math.log(value) if math.isfinite(value) else 709.0


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
