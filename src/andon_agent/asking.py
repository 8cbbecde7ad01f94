"""What is wanted of this station: asked for, remembered, and acted on.

A question stays open at the control plane until something changes (long poll); where it does not hold
questions, it is asked by interval. What was wanted last is kept as signed, so that an agent which starts
without a network acts on it, and an older document never replaces a newer one.
"""

import logging
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from andon_agent import artifacts
from andon_agent.artifacts import RegistryArtifacts
from andon_agent.buffer import Buffer
from andon_agent.client import Busy, Client, Refused, Signed, Station
from andon_agent.engine.ports import Watch
from andon_agent.flow import Flow
from andon_agent.home import Home
from andon_agent.pace import Backoff, jittered
from andon_agent.settings import Settings
from andon_agent.witness import Judged, Proof, TimelineWitness
from andon_wire.disk import Disk, write_durably
from andon_wire.errors import Untrusted, WireError
from andon_wire.identity import check_wanted
from andon_wire.protocol import EventKind, Pace, Wanted

_log = logging.getLogger(__name__)
_UNHELD_S = 2.0  # an answer "nothing new" that is faster was not held open
_FIRST_REGISTRY = "/registry"
_RETIRED = "station-retired"


@dataclass(slots=True)
class Reached:
    """What is known of the control plane. problem: why it was not reached last, code: of that; empty: it was.

    is_known: it was reached, or is known to be away: either way the agent can do its work.
    """

    problem: str = "the control plane was not asked yet"
    is_known: bool = False
    code: str = ""

    @property
    def sentence(self) -> str:
        """The problem, for a person at the station."""
        return f"this station was retired: {self.problem}" if self.code == _RETIRED else self.problem

    @property
    def is_online(self) -> bool:
        """Whether it answered last."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Tools:
    """What is used."""

    home: Home
    disk: Disk
    settings: Settings
    context: ssl.SSLContext
    registries: Sequence[str]  # as enrolment named them
    client: Client
    who: Station
    buffer: Buffer
    flow: Flow
    artifacts: RegistryArtifacts
    witness: TimelineWitness
    watch: Watch


class Asking:
    """Asks, one turn after another. act: hands what is wanted to the engine."""

    def __init__(self, tools: Tools, act: Callable[[Wanted], None], chance: random.Random) -> None:
        self._tools, self._act, self._chance = tools, act, chance
        self._backoff = Backoff(chance)
        self._refused = ""
        self.reached = Reached()
        self.wanted: Wanted | None = None

    @property
    def revision(self) -> int:
        """Of what is acted on; 0: nothing was wanted yet."""
        return self.wanted.revision if self.wanted else 0

    @property
    def pace(self) -> Pace:
        """As the plant wants it."""
        return self.wanted.pace if self.wanted else Pace()

    def recall(self) -> None:
        """Act on what was wanted last, at the start."""
        tools = self._tools
        self._use_registries([])
        if not tools.disk.exists(tools.home.wanted):
            return
        try:
            text = tools.disk.read(tools.home.wanted).decode("ascii", "replace")
            wanted = check_wanted(text, key=tools.who.wanted_key, station=tools.who.name)
        except (WireError, OSError) as error:
            _log.warning("what was wanted last cannot be read: %s", error)
            return
        self._take(wanted)

    async def turn(self) -> float:
        """Ask once; gives the seconds until the next time."""
        wait_s = self._tools.settings.nudge_s
        began = self._tools.watch.now().uptime
        try:
            found = await self._tools.client.wanted(self._tools.who, have=self.revision, wait_s=wait_s)
            if found is not None:
                self._accept(found)
        except WireError as error:
            return self._failed(error)
        self._succeeded()
        lasted = self._tools.watch.now().uptime - began
        if found is not None or (wait_s and lasted >= min(_UNHELD_S, wait_s / 2)):
            return jittered(0.2, 1.0, self._chance)
        return jittered(self.pace.poll_s, self.pace.jitter, self._chance)

    def _succeeded(self) -> None:
        if not self.reached.is_online:
            _log.info("the control plane answers")
        self._backoff.again()
        self.reached.problem, self.reached.code, self.reached.is_known = "", "", True
        self._refused = ""

    def _failed(self, error: WireError) -> float:
        if error.message != self.reached.problem:
            _log.warning("%s", error.message)
        is_word = isinstance(error, Refused | Untrusted)
        self.reached.problem, self.reached.code = error.message, error.code
        self.reached.is_known = self.reached.is_known or not is_word
        if is_word and error.message != self._refused:
            self._refused = error.message
            now = self._tools.watch.now().at
            self._tools.buffer.add(EventKind.REFUSED, now, reason=f"{error.code}: {error.message}")
        at_least = error.retry_after_s if isinstance(error, Busy) else 0.0
        return self._backoff.failed(at_least)

    def _accept(self, found: Signed) -> None:
        """Remember, then act.

        Raises:
            Untrusted: it is older than what was seen.
        """
        if self.wanted is not None and found.wanted.revision < self.revision:
            raise Untrusted(
                "wanted-rolled-back",
                f"revision {found.wanted.revision} is wanted after {self.revision} was: an old document",
                hint="after a restore of the control plane: andon-agent enrol --again",
            )
        try:
            write_durably(self._tools.disk, self._tools.home.wanted, found.text.encode())
        except OSError as error:
            _log.warning("what is wanted cannot be kept: %s", error)
        self._take(found.wanted)

    def _take(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._tools.flow.set_pace(wanted.pace)
        self._use_registries(wanted.registries)
        if wanted.checkpoint:
            self._look_at(wanted)
        self._act(wanted)

    def _use_registries(self, named: Sequence[str]) -> None:
        tools = self._tools
        names = [*tools.settings.registries, *(named or tools.registries or [_FIRST_REGISTRY])]
        tools.artifacts.use(artifacts.sources(names, tools.settings.control, tools.context))

    def _look_at(self, wanted: Wanted) -> None:
        proof = Proof(wanted.proof_size, tuple(map(bytes.fromhex, wanted.proof))) if wanted.proof else None
        try:
            found = self._tools.witness.show(wanted.checkpoint, proof)
        except OSError as error:
            _log.warning("the checkpoint cannot be kept: %s", error)
            return
        if found.judged is Judged.SPLIT and found.is_new:
            _log.error("%s", found.reason)
            facts = {"seen": found.against[:1500], "shown": wanted.checkpoint[:1500]}
            now = self._tools.watch.now().at
            self._tools.buffer.add(EventKind.SPLIT_VIEW, now, reason=found.reason, facts=facts)
        elif found.judged in {Judged.UNSIGNED, Judged.MALFORMED}:
            _log.warning("a checkpoint of the timeline is not kept: %s", found.reason)
