"""The MES on both databases. PostgreSQL comes from the root's `postgres` fixture: run these from there."""

import secrets
import shutil

import psycopg
import pytest
from andon_mes.store.migrate import migrate


@pytest.fixture(scope="session")
def postgres_template(postgres, enrol):
    """A migrated database, empty but for a device of each role, and the server that it is on."""
    with postgres.fresh_database() as url:
        migrate(url)
        enrol(url)
        yield postgres, url


@pytest.fixture
def postgres_url(postgres_template):
    """A migrated, empty PostgreSQL database of this test's own: copied, not migrated, in about 60 ms."""
    server, template = postgres_template
    name, source = f"t_{secrets.token_hex(6)}", template.split("/")[3].split("?")[0]
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
        yield server.url(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request, template, tmp_path):
    """The same test on both: the path or URL of a migrated, empty database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return str(shutil.copy(template, tmp_path / "mes.db"))


@pytest.fixture
async def any_plant(any_database, run_instance):
    """The same test on both: one running instance (a `Plant`)."""
    async with run_instance(any_database) as plant:
        yield plant


@pytest.fixture
async def postgres_plant(postgres_url, run_instance):
    """One running instance on PostgreSQL."""
    async with run_instance(postgres_url) as plant:
        yield plant
