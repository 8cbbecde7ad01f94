"""What the demo tells: headings, sentences, and the summary at the end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

from demo.plant import Plant

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

    version: str
    rollout: dict[str, Any]
    records: list[dict[str, Any]]

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
        """Strongest evidence of harm over its metrics, as a fraction of what takes a release back."""
        verdict = self.rollout["verdict"] or {"findings": []}
        return max((_fraction(each) for each in verdict["findings"]), default=0.0)

    def seconds_to_zero(self) -> float | None:
        """From the decision to come back until the gateway had confirmed share 0; None when it did not."""
        decided = self._first("rollout.rollback")
        confirmed = self._first("rollout.confirmed", after=decided)
        return None if decided is None or confirmed is None else (confirmed - decided).total_seconds()

    def seconds(self) -> float:
        """From the deployment to its end."""
        begun = datetime.fromisoformat(self.rollout["created_at"])
        return (datetime.fromisoformat(self.rollout["finished_at"]) - begun).total_seconds()

    def _first(self, kind: str, after: datetime | None = None) -> datetime | None:
        times = (datetime.fromisoformat(each["at"]) for each in self.records if each["kind"] == kind)
        return min((at for at in times if after is None or at >= after), default=None)


def _fraction(finding: dict[str, Any]) -> float:
    boundary = finding["log_harm_boundary"]
    return max(0.0, finding["log_e_harm"]) / boundary if boundary else 0.0


async def ending(plant: Plant, version: str) -> Ending:
    """How the newest rollout of `version` went."""
    found = await plant.get("/rollouts", unit="mes", limit=50)
    newest = next(each for each in found if each["candidate"] == version)
    rollout = await plant.get(f"/rollouts/{newest['id']}")
    records = await plant.get("/timeline", subject=f"rollout/{newest['id']}", limit=500)
    return Ending(version, rollout, records)


def summary(endings: list[Ending], line: dict[str, int], took_seconds: float) -> None:
    """The table at the end."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("release", "ended", "because", "requests", "attempts", "verdict to share 0", "took"):
        table.add_column(head, overflow="fold")
    for each in endings:
        zero = each.seconds_to_zero()
        table.add_row(
            f"mes {each.version}",
            "[green]promoted[/]" if each.is_promoted else f"[red]returned[/] ({each.rollout['trigger']})",
            escape(each.rollout["reason"]),
            str(each.exposure("errors")),
            str(each.exposure("yield")),
            "" if each.is_promoted else "?" if zero is None else f"{zero * 1000:.0f} ms",
            f"{each.seconds():.0f} s",
        )
    console.print()
    console.print(Panel(table, title="What happened", border_style="cyan", title_align="left"))
    good = [each for each in endings if each.is_promoted and each.rollout["stable"]]
    for each in good:
        tell(
            f"False-alarm budget: {each.harm():.0%} of the evidence that takes a release back "
            f"was ever seen against {each.version}; the chance of a false alarm is held below 1 % a release."
        )
    tell(
        f"The line: {line.get('serials_in', 0)} serials in, {line.get('completed', 0)} attempts completed, "
        f"{line.get('failed', 0)} failed, {line.get('parked', 0)} parked for a person."
    )
    tell(f"All of it took {took_seconds:.0f} s. Every step with its reason: andon timeline")
