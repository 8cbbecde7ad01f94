"""A unit's state as it is reported and shown. Pure."""

from andon_agent.engine.model import Job, Seen, State, Wanting
from andon_wire.protocol import Phase, UnitState

_MOST_REASON = 1000
_AT_WORK = {Phase.DOWNLOADING: Job.DOWNLOAD, Phase.INSTALLING: Job.INSTALL, Phase.SWITCHING: Job.BACK_UP}


def present(state: State, seen: Seen, wanting: Wanting, waits_for: str) -> UnitState:
    """How the unit stands. waits_for: why nothing is done at this moment, where that is so."""
    job = _AT_WORK.get(state.phase)
    standby = None if state.target is None else seen.held.get(state.target.slot)
    if standby is None and state.former is not None and seen.has(state.former):
        standby = state.former
    return UnitState(
        running=None if state.active is None else state.active.version,
        confirmed=None if state.confirmed is None else state.confirmed.version,
        standby=None if standby is None else standby.version,
        wanted=None if wanting is None else wanting.version,
        attempt=state.attempt if state.target is None else state.target.attempt,
        phase=state.phase,
        since=state.since,
        progress=None if job is None else seen.job(job).progress,
        reason=(waits_for or state.reason)[:_MOST_REASON],
        restarts=state.restarts,
        crashes=state.crashes,
        tree="" if state.active is None else state.active.tree,
        is_drifted=state.is_drifted,
        pid=None if state.process is None else state.process.pid,
    )
