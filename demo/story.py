"""What the demo tells: headings, sentences, and the summary at the end."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from demo.plant import DemoError, Plant

console = Console(highlight=False)


def chapter(title: str) -> None:
    """A heading."""
    console.print()
    console.print(Rule(f"[bold]{title}[/]", align="left", style="cyan"))


def tell(text: str) -> None:
    """A sentence for the person who watches."""
    console.print(f"[dim]│[/] {text}")


def failed(message: str, details: str) -> None:
    """Why the demo cannot go on."""
    console.print(f"\n[red bold]✗ The demo cannot go on:[/] {escape(message)}")
    for line in details.splitlines():
        console.print(f"  [dim]│ {escape(line)}[/]")


@dataclass(frozen=True, slots=True)
class Ending:
    """How one release fared."""

    unit: str
    version: str
    rollout: dict[str, Any]
    records: list[dict[str, Any]]
    looks: list[dict[str, Any]]

    @property
    def is_promoted(self) -> bool:
        """Whether it is the stable release now."""
        return bool(self.rollout["phase"] == "promoted")

    def exposure(self, metric: str) -> int:
        """Events of `metric` that met the release while it was judged."""
        verdict = self.rollout["verdict"] or {"findings": []}
        found = (each for each in verdict["findings"] if each["metric"] == metric)
        return sum(each["candidate"]["exposure"] for each in found)

    def harm(self) -> float:
        """Strongest evidence of harm that any look showed, as a fraction of what takes a release back.

        The boundary is of the evidence itself, 1 / alpha; so this is the part of the budget that was used.
        """
        verdict = self.rollout["verdict"] or {"findings": []}
        limits = {each["metric"]: each["log_harm_boundary"] for each in verdict["findings"]}
        seen = (
            math.exp(metric["log_e_harm"] - limits[name])
            for look in self.looks
            for name, metric in look["metrics"].items()
            if name in limits
        )
        return max(seen, default=0.0)

    @property
    def reason(self) -> str:
        """Why it was promoted or taken back."""
        kinds = ("rollout.rollback", "rollout.promoted")
        return next((str(each["reason"]) for each in self.records if each["kind"] in kinds), "")

    def seconds_to_zero(self) -> float | None:
        """From the decision to come back until the gateway had confirmed share 0; None when it did not."""
        decided = self._first("rollout.rollback")
        confirmed = self._first("rollout.draining")
        return None if decided is None or confirmed is None else (confirmed - decided).total_seconds()

    def seconds(self) -> float:
        """From the deployment to its end."""
        begun = datetime.fromisoformat(self.rollout["created_at"])
        return (datetime.fromisoformat(self.rollout["finished_at"]) - begun).total_seconds()

    def _first(self, kind: str) -> datetime | None:
        times = (datetime.fromisoformat(each["at"]) for each in self.records if each["kind"] == kind)
        return min(times, default=None)


async def ending(plant: Plant, unit: str, version: str) -> Ending:
    """How the newest rollout of `version` went."""
    found = await plant.get("/rollouts", unit=unit, limit=50)
    newest = next(each for each in found if each["candidate"] == version)
    rollout = await plant.get(f"/rollouts/{newest['id']}")
    records = await plant.get("/timeline", subject=f"rollout/{newest['id']}", limit=500)
    looks = await plant.get(f"/rollouts/{newest['id']}/looks")
    return Ending(unit, version, rollout, records, looks)


async def gate(plant: Plant, unit: str, version: str) -> None:
    """What waits at the gate, in a sentence.

    Raises:
        DemoError: something of the release runs already.
    """
    found = await plant.get("/rollouts", unit=unit, limit=1)
    rollout = await plant.get(f"/rollouts/{found[0]['id']}")
    running = [each["id"] for each in await plant.get("/instances", unit=unit) if each["version"] == version]
    if not rollout["gate"] or running:
        raise DemoError(f"{version} should wait for an approval, and nothing of it run: {running}")
    needed, role = rollout["gate"]["approvals_needed"], rollout["gate"]["approver_role"]
    tell(f"{version} waits at its gate for {needed} signature of the role {role}: nothing of it runs yet")


async def shipped(plant: Plant, unit: str, version: str) -> None:
    """How the pipeline of `version` went, in a sentence."""
    runs = await plant.get("/runs", unit=unit, limit=50)
    run = next(each for each in runs if each["version"] == version)
    tests = next(each["summary"] for each in run["stages"] if each["name"] == "test")
    tell(f"{version} was shipped in {run['duration_s']:.0f} s: {escape(tests)}; scanned, signed, published")


def summary(endings: list[Ending], line: dict[str, int], took_seconds: float) -> None:
    """What happened, in numbers."""
    chapter("What happened")
    for each in endings:
        sign = "[green]●[/]" if each.is_promoted else "[red]■[/]"
        end = "promoted" if each.is_promoted else f"taken back ({each.rollout['trigger']})"
        console.print(f"{sign} [bold]{each.unit} {each.version}[/] {end} after {each.seconds():.0f} s")
        tell(escape(each.reason))
        if each.unit == "mes" and not each.is_promoted:
            zero = each.seconds_to_zero()
            tell(
                f"exposure: {each.exposure('errors')} requests and {each.exposure('yield')} serials at a "
                f"process met it; verdict to no new request: {'?' if zero is None else round(zero * 1000)} ms"
            )
        elif each.is_promoted and each.looks and each.rollout["stable"]:
            tell(
                f"false-alarm budget used: {each.harm():.1%} of the evidence that would have taken it back "
                "(a harmless release is ever taken back with a chance below 1 %)"
            )
    console.print()
    tell(
        f"the line: {line.get('serials_in', 0)} serials in, {line.get('completed', 0)} attempts completed, "
        f"{line.get('failed', 0)} failed, {line.get('parked', 0)} parked for a person"
    )
    tell(f"all of it took {took_seconds:.0f} s")


async def delta(plant: Plant, unit: str, version: str) -> None:
    """What stations have to load for a release, in a sentence."""
    release = next(each for each in await plant.get("/releases", unit=unit) if each["version"] == version)
    sizes = {each["role"]: each["size_bytes"] for each in release["artifacts"]}
    whole, part = sizes["bundle"], sizes["delta"]
    tell(f"the whole of it is {whole / 1e6:.1f} MB; stations load a delta of {part / 1e3:.1f} kB")


async def stations(plant: Plant, unit: str, version: str) -> None:
    """What runs on each station, in a sentence.

    Raises:
        DemoError: one of them does not run `version`, confirmed.
    """
    found = {}
    for station in await plant.get("/fleet/stations"):
        state = next((each for each in station["units"] if each["unit"] == unit), None)
        found[station["name"]] = None if state is None else (state["running"], state["confirmed"])
    wrong = {name: each for name, each in found.items() if each != (version, version)}
    if wrong or not found:
        raise DemoError(f"every station should run {version}, confirmed: {wrong or 'there is none'}")
    tell(f"{unit} {version} runs on {', '.join(sorted(found))}, and is confirmed by each")
