"""`andon-mes users` and `devices`: the first administrator and the first station are made here, by hand."""

import asyncio
import json
import sys
from os import environ

import httpx
import pytest


def command_on(database):
    """Runs the command on a database; gives exit code, output and error output."""

    async def run(*words):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "andon_mes", *words),
            env={**environ, "ANDON_MES_DATABASE": str(database)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


@pytest.fixture
def mes(any_database):
    """The command on either database."""
    return command_on(any_database)


@pytest.fixture
def sqlite_mes(database_path):
    """The command on SQLite."""
    return command_on(database_path)


async def test_the_first_administrator_is_made_by_command_and_makes_others_over_http(
    mes, any_database, run_instance
):
    code, out, _ = await mes("users", "add", "kim", "--name", "Kim Minji", "--role", "ADMIN", "--json")
    made = json.loads(out)
    assert (code, made["username"], made["role"], made["must_change_password"]) == (0, "kim", "admin", True)
    async with run_instance(any_database) as plant:
        body = {"username": "kim", "password": made["one_time_password"], "new_password": "grey rain on tin"}
        signed_in = await plant.acting(None).post("/api/v1/auth/login", body)
        assert signed_in.status_code == 200, signed_in.text
        header = {"Authorization": f"Bearer {signed_in.json()['data']['access_token']}"}
        added = await plant.client.post(
            "/api/v1/users",
            json={"username": "lee", "full_name": "Lee", "role": "quality"},
            headers=header,
        )
        assert added.status_code == 201
    code, out, _ = await mes("users", "set", "lee", "--role", "engineer", "--inactive")
    assert (code, "engineer" in out, "not let in" in out) == (0, True, True)
    code, out, err = await mes("users", "set", "kim", "--inactive")
    assert (code, out) == (1, "")
    assert "only active administrator" in err


async def test_a_station_is_issued_a_credential_that_the_mes_takes_until_it_is_revoked(
    mes, any_database, run_instance
):
    code, out, _ = await mes("devices", "issue", "LMA-1", "--process", "LMA", "--json")
    credential = json.loads(out)["credential"]
    assert (code, credential[:5]) == (0, "mesd_")

    async def asked() -> httpx.Response:
        async with run_instance(any_database) as plant:
            headers = {"Authorization": f"Bearer {credential}"}
            return await plant.acting(None).client.get("/api/v1/auth/me", headers=headers)

    assert (await asked()).json()["data"]["process"] == "LMA"
    assert (await mes("devices", "revoke", "LMA-1"))[0] == 0
    assert (await asked()).status_code == 401
    listed = json.loads((await mes("devices", "list", "--json"))[1])
    assert "credential" not in str(listed)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("users", "add", "Kim", "--name", "Kim", "--role", "admin"), 2, "no name to sign in with"),
        (("users", "add", "kim", "--name", "Kim", "--role", "boss"), 2, "Use one of: operator"),
        (("users", "reset-password", "nobody"), 1, "No user is named 'nobody'"),
        (("devices", "issue", "x", "--role", "admin"), 2, "Use one of: operator"),
        (("devices", "issue", "x", "--process", "NOPE"), 2, "SPRING"),
        (("devices", "rotate", "nothing"), 1, "andon-mes devices list"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(sqlite_mes, words, code, said):
    ended, out, err = await sqlite_mes(*words)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
