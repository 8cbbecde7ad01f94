"""What a person says of an agent, in one file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon_agent import enrolling, main, service, settings
from andon_agent.client import Place
from andon_agent.home import Home
from andon_wire.disk import RealDisk
from andon_wire.errors import Malformed, Missing, Unreachable

pytestmark = pytest.mark.unit

HOME = Path("/var/lib/andon-agent")


def test_paths_are_relative_to_the_home() -> None:
    found = settings.decode(b'control = "https://plant:8443/"\nca = "ca.pem"\nkey = "/etc/own.key"\n', HOME)
    assert (found.control, found.ca, found.key) == (
        "https://plant:8443",
        HOME / "ca.pem",
        Path("/etc/own.key"),
    )


def test_what_enrolment_writes_is_read_again() -> None:
    files = Path("/srv/ca.pem"), Path("/srv/own.pem"), Path("/srv/own.key")
    content = settings.first('https://plant:8443/a"b\\c', Place("", *files).files())
    found = settings.decode(content, HOME)
    assert found.control == 'https://plant:8443/a"b\\c'
    assert (found.ca, found.certificate, found.key) == files


def test_to_enrol_anew_changes_what_was_said_then_and_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    home, disk, old = Home(tmp_path), RealDisk(), tmp_path / settings.NAME
    old.write_text('# ours\n"control" = "https://old:8443"  # lab\nca = "old.pem"\nbandwidth = 5\n', "utf-8")
    enrolling.write_settings(home, disk, Place("https://new:8443", key=Path("/srv/own.key")))
    found = settings.load(tmp_path)
    assert (found.control, found.key) == ("https://new:8443", Path("/srv/own.key"))
    assert (found.ca, found.bandwidth) == (tmp_path / "old.pem", 5)
    assert "# ours" in old.read_text("utf-8")


def test_a_home_is_the_same_folder_from_wherever_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An application is started in a folder of its own, and a service in yet another one."""
    monkeypatch.chdir(tmp_path)
    assert main.main(["--home", "station", "install-service", "--print"]) == 0
    assert str(tmp_path / "station") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "control"),
        (b'control = "plant"', "control"),
        (b'control = "ftp://plant"', "control"),
        (b'control = "https://plant?x=1"', "control"),
        (b'control = "https://plant"\nnudge_s = -1', "nudge_s"),
        (b'control = "https://plant"\nbandwith = 5', "bandwith"),
        (b'control = "https://plant"\nport = 70000', "port"),
        (b"control =", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"#" * (65 << 10), "64 KiB"),
    ],
)
def test_a_wrong_setting_is_named(content: bytes, word: str) -> None:
    with pytest.raises(Malformed, match=word):
        settings.decode(content, HOME)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        settings.decode(content, HOME)


def test_a_home_without_settings_is_no_station(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        settings.load(tmp_path)
    assert "enrol" in caught.value.hint


def test_one_agent_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not home.is_held()
    with home.alone():
        assert home.is_held()
        with pytest.raises(Unreachable) as caught, home.alone():
            pass
        assert caught.value.code == "agent-runs"
    with home.alone():
        pass
    assert not home.is_held()


def test_the_unit_that_is_shipped_is_the_one_that_is_made() -> None:
    shipped = Path(__file__).parents[3] / "deploy/systemd/andon-agent.service"
    assert shipped.read_text("utf-8") == service.systemd_unit(service.Service())


def test_applications_outlive_the_service() -> None:
    text = service.systemd_unit(service.Service())
    assert "\nKillMode=process\n" in text
    assert "PrivateTmp=yes" not in text
    assert "AppKillProcessTree 0" in service.windows_steps(service.Service())
