"""Does one action for one unit, and writes it into the journal: before the world is touched, or after.

    before: a start (its number and token must be known to whoever finds the process), a trial of the agent
    after:  everything that may be done twice: telling, asking to end, moving the pointer, what a job did

So after a crash the journal says either that a step is still to be done, which does no harm to do again, or
that it was done, which it was. Nothing else in the agent writes the journal.
"""

import secrets
import threading
from dataclasses import replace

from andon_agent.engine import drift, starting
from andon_agent.engine.actions import AskToEnd as Ask
from andon_agent.engine.actions import (
    Begin,
    Confirm,
    ConfirmSelf,
    Decision,
    Drop,
    GiveUp,
    Kill,
    Launch,
    Note,
    Point,
    Repoint,
    Return,
    Switch,
    Take,
    Tell,
    Try,
    Wait,
)
from andon_agent.engine.case import Case
from andon_agent.engine.data import Keeper
from andon_agent.engine.install import Installer
from andon_agent.engine.jobs import Doing
from andon_agent.engine.journal import Journal
from andon_agent.engine.model import Job, Now, Process, State
from andon_agent.engine.observe import Observer
from andon_agent.engine.parts import Parts
from andon_agent.engine.places import Place
from andon_agent.engine.ports import Progress
from andon_agent.engine.running import died
from andon_agent.engine.slots import Slots
from andon_agent.engine.transitions import apply, launched
from andon_agent.launcher import trials
from andon_agent.launcher.model import Trial
from andon_wire.application import Application
from andon_wire.errors import Malformed, WireError
from andon_wire.protocol import Phase

_CHANGES = (Job.BACK_UP, Job.RESTORE)
_BRINGING = (Job.DOWNLOAD, Job.INSTALL)


class Executor:
    """Of one unit. The only writer of its journal, pointer, slots and backups."""

    def __init__(self, unit: str, place: Place, parts: Parts, slots: Slots, observer: Observer) -> None:
        self._unit, self._place, self._parts = unit, place, parts
        self._slots, self._observer = slots, observer
        self.journal = Journal(place.journal, parts.disk)
        self._admitted = ""

    def admit(self, state: State) -> None:
        """Let the running application speak: it outlived an agent, or was started by this one."""
        if state.token and state.token != self._admitted:
            self._parts.local.admit(self._unit, state.token)
            self._admitted = state.token

    def do(self, case: Case, decision: Decision) -> State:
        """The state that follows; durable when this returns.

        Raises:
            OSError: the disk does not do it; the journal has what was before, or what would have followed.
        """
        state, now = case.state, case.now
        match decision.action:
            case Launch():
                return self._launch(case, decision)
            case Try():
                after = self._note(state, decision, now)
                self._write_trial(after)
                return after
            case Begin(job):
                self._begin(state, job, now)
                return state
            case Wait():
                return state
            case _:
                self._touch(state, decision)
                return self._note(state, decision, now)

    def _touch(self, state: State, decision: Decision) -> None:
        """What an action means for the world, where that comes before the journal."""
        parts, action = self._parts, decision.action
        match action:
            case Tell():
                for each in state.outbox:
                    parts.reporter.tell(each)
            case Ask():
                self._ask_to_end(state)
            case Kill():
                parts.host.kill(self._unit)
            case Point(to):
                self._slots.point(None if to is None else to.slot)
                parts.jobs.forget(self._unit, Job.LOOK)
            case Repoint(to):
                self._slots.point(to.slot)
            case ConfirmSelf(to):
                self._slots.point(to.slot)
                trials.remove(parts.disk, self._place.trial)
            case GiveUp() if state.is_agent and state.phase is Phase.SWITCHING:
                trials.remove(parts.disk, self._place.trial)
            case _:
                pass
        self._forget(decision)

    def _forget(self, decision: Decision) -> None:
        """What jobs of before found does not count for what comes."""
        jobs = self._parts.jobs
        match decision.action:
            case Take() | Drop() | GiveUp():
                jobs.forget(self._unit, *_BRINGING)
            case Switch() | Confirm():
                jobs.forget(self._unit, *_CHANGES, Job.LOOK)
            case Return():
                jobs.forget(self._unit, *_BRINGING, *_CHANGES, Job.LOOK, Job.CLEAN)
            case _:
                pass

    def _note(self, state: State, decision: Decision, now: Now) -> State:
        after = apply(state, decision, now)
        if after != state:
            self.journal.append(after)
        if isinstance(decision.action, Note):
            self.admit(after)
        return after

    def _launch(self, case: Case, decision: Decision) -> State:
        noted = replace(apply(case.state, decision, case.now), token=secrets.token_urlsafe(24))
        self.journal.append(noted)
        self.admit(noted)
        self._parts.doctor.forget(self._unit)
        try:
            process = self._start(noted, case.seen.contract)
        except (OSError, WireError) as error:
            how = f"it could not be started: {error}"
            return self._note(noted, died(replace(case, state=noted), how), case.now)
        after = launched(noted, process, case.now)
        self.journal.append(after)
        return after

    def _start(self, state: State, contract: Application | None) -> Process:
        if contract is None:
            raise Malformed("no-contract", "nothing is known of how it is started")
        words = self._observer.words(state)
        command = starting.command_of(contract, words, self._parts.disk)
        environment = starting.environment_of(contract, self._place, words, self._parts.around)
        launch = starting.launch_of(command, state, self._place, environment)
        for folder in (launch.folder, self._place.run / "tmp"):
            self._parts.disk.make_folder(folder)
        self._parts.disk.sync_folder(self._place.folder)  # or what it writes could be lost with its folder
        return self._parts.host.start(launch)

    def _ask_to_end(self, state: State) -> None:
        """The local interface asks, too (`Local.show`)."""
        processes = [each for _, each in self._parts.host.marked(self._unit)]
        for each in processes[:1] if state.process is None else [state.process]:
            self._parts.host.ask_to_end(each)

    def _write_trial(self, state: State) -> None:
        if state.target is None:
            return
        contract = self._slots.contract(state.target.slot)
        deadline_s = Trial("a").deadline_s if contract is None else contract.health.deadline_s
        trials.write(self._parts.disk, self._place.trial, Trial(state.target.slot, deadline_s=deadline_s))

    def _begin(self, state: State, job: Job, now: Now) -> None:
        doing = self._doing(state, job, now)
        if doing is not None:
            self._parts.jobs.begin(self._observer.key(state, job), doing)

    def _doing(self, state: State, job: Job, now: Now) -> Doing | None:
        target, parts = state.target, self._parts
        installer = Installer(
            self._unit, self._place, self._slots, parts.artifacts, parts.apply, parts.disk, parts.platform
        )
        match job:
            case Job.DOWNLOAD:
                return None if target is None else lambda progress: installer.download(target, progress)
            case Job.INSTALL:
                return None if target is None else lambda progress: installer.install(target, progress)
            case Job.BACK_UP:
                return self._backing_up(state)
            case Job.RESTORE:
                return self._restoring(state)
            case Job.CLEAN:
                return self._cleaning(state)
            case Job.LOOK:
                self._observer.looked_at = now.uptime
                return self._looking(state)

    def _keeper(self) -> Keeper:
        return Keeper(self._place.data, self._place.backups, self._parts.disk)

    def _backing_up(self, state: State) -> Doing:
        contract = None if state.active is None else self._slots.contract(state.active.slot)
        if contract is None:
            return _nothing
        return lambda progress: self._keeper().back_up(
            contract, f"{contract.version}-{state.starts}", progress
        )

    def _restoring(self, state: State) -> Doing:
        """The contract of the version that comes back says what of its data comes with it."""
        comes, name = state.back or state.target, state.backup if state.back is not None else state.returns
        contract = None if comes is None else self._slots.contract(comes.slot)
        if contract is None:
            return _nothing
        return lambda progress: self._keeper().restore(contract, name, progress)

    def _cleaning(self, state: State) -> Doing:
        def clean(progress: Progress) -> str:
            disk = self._parts.disk
            for each in self._observer.rubbish(state):
                progress(0, 0)
                for name in ("installed.json", "plan.json", "complete.json"):  # what says that it is whole
                    disk.remove(each / name)
                disk.sync_folder(each)
                disk.remove_tree(each)
            return ""

        return clean

    def _pause(self, length: int) -> None:
        threading.Event().wait(length / self._parts.rules.look_bytes_s)

    def _looking(self, state: State) -> Doing | None:
        active = state.active
        if active is None:
            return None

        def look(progress: Progress) -> str:
            try:
                content = self._slots.tree(active.slot)
            except Malformed as error:
                return error.message
            return drift.look(
                self._place.files(active.slot), content, self._parts.disk, self._pause, progress
            )

        return look


def _nothing(progress: Progress) -> str:
    del progress
    raise Malformed("no-contract", "nothing is known of what it declared")
