"""What a stage, and the unit's own code, are told of the surroundings."""

from andon.pipelines import environment

OURS = {
    "PATH": "/bin",
    "HOME": "/home/a",
    "LC_ALL": "C",
    "PIP_INDEX_URL": "https://user:password@index",
    "UV_INDEX": "x",
    "HTTPS_PROXY": "http://user:password@proxy",
    "all_proxy": "socks5://user:password@proxy",
    "ANDON_DATABASE_URL": "postgresql://secret",
    "AWS_SECRET_ACCESS_KEY": "x",
    "PYTHONPATH": "/elsewhere",
    "VIRTUAL_ENV": "/venv",
}


def test_a_worker_gets_the_allowlist_and_nothing_else() -> None:
    assert set(environment.of_worker(OURS)) == {
        "PATH",
        "HOME",
        "LC_ALL",
        "PIP_INDEX_URL",
        "UV_INDEX",
        "HTTPS_PROXY",
        "all_proxy",
    }


def test_the_unit_learns_neither_where_packages_come_from_nor_by_which_way() -> None:
    assert set(environment.of_unit(environment.of_worker(OURS))) == {"PATH", "HOME", "LC_ALL"}
