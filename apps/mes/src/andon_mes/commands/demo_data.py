"""`andon-mes demo-data`: a plant with some days of production, for trying the MES out."""

from typing import Annotated

import typer

_CHUNK = 100


def demo_data(
    lots: Annotated[int, typer.Option(help="Lots, of about 20 serials each.", min=1, max=2000)] = 12,
    seed: Annotated[int, typer.Option(help="The same seed makes the same plant.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Beside the production that is there.")] = False,
) -> None:
    """Fill the database with a plausible plant: people, machines, the lots of some days, what went wrong.

    It refuses a database that has lots.
    """
    from andon_mes.access.people.passwords import hash_password, one_time_password
    from andon_mes.commands.running import settings, write
    from andon_mes.demo_data.controller import PEOPLE, Doing, Wanted, add_people, happenings, set_up
    from andon_mes.kernel.clock import SystemClock

    chosen = settings()
    now = SystemClock().now().replace(microsecond=0)
    wanted = Wanted(lots, seed, now, chosen.plant_code, chosen.release, is_forced=force)
    calendar = write(lambda each, _author, _clock: set_up(each, wanted))
    events = write(lambda each, _author, _clock: happenings(each, wanted, calendar))
    doing = Doing(wanted, calendar)
    with typer.progressbar(length=len(events), label=f"{len(events)} events") as bar:
        for at in range(0, len(events), _CHUNK):
            chunk = events[at : at + _CHUNK]
            write(lambda each, _author, _clock, chunk=chunk: doing.do(each, chunk))  # type: ignore[misc]
            bar.update(len(chunk))
    passwords = {username: one_time_password() for username, _, _ in PEOPLE}
    hashes = {username: hash_password(password) for username, password in passwords.items()}
    added = write(lambda each, _author, _clock: add_people(each, hashes, now))
    made = sum(map(len, doing.serials.values()))
    typer.echo(f"{len(doing.numbers)} lots, {made} serials, {len(events)} events.")
    for username in added:
        typer.echo(f"Sign in as {username} with the one-time password {passwords[username]}")
    if doing.refused:
        typer.echo(f"Refused: {dict(doing.refused)}")
