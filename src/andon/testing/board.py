"""The board over a plant in memory, as it is installed in a real one, and people who look at it."""

import httpx
from fastapi import FastAPI

from andon.api.http import create
from andon.board import pages
from andon.testing.access import client_as
from andon.testing.services import FakePlant


def board(plant: FakePlant) -> FastAPI:
    """The API with its pages."""
    services = plant.services()
    app = create(services)
    pages.install(app, services)
    return app


def person(plant: FakePlant, who: str | None) -> httpx.AsyncClient:
    """A browser of `who`, without scripts; None: of nobody who has signed in."""
    opened = client_as(plant, who, app=board(plant))
    opened.headers["Accept"] = "text/html"
    return opened
