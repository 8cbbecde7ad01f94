"""The agent as a service of the system: what systemd is told, and how it is done on Windows. Pure text."""

from dataclasses import dataclass

UNIT_NAME = "andon-agent.service"
UNIT_FOLDER = "/etc/systemd/system"
COMMAND = "/opt/andon-agent/agent"
HOME = "/var/lib/andon-agent"
USER = "andon"

_UNIT = """\
# Made by `andon-agent install-service --print`; docs/operations/agent.md says why each line is there.
[Unit]
Description=Andon agent: installs, runs and reports the software of this station
Documentation=https://github.com/andon/andon/blob/main/docs/operations/agent.md
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command} --home {home} {verb}
User={user}
EnvironmentFile=-/etc/andon-agent.env
StateDirectory={state}
StateDirectoryMode=0750
UMask=0027
Restart=always
RestartSec=5
# Applications outlive the agent: only it is ended, and it finds them again.
KillMode=process
TimeoutStopSec=30
OOMScoreAdjust=-500
# Applications inherit all of this. What a screen, a scanner or a serial port needs is therefore left open:
# no PrivateTmp (X11's socket), no PrivateDevices, no MemoryDenyWriteExecute (Qt's compiler).
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=full
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""

WINDOWS = """\
A service of Windows starts the agent through a wrapper that every plant has or may have (NSSM, WinSW), as
the agent itself speaks no service protocol. As an administrator:

  nssm install andon-agent "{command}" --home "{home}" {verb}
  nssm set andon-agent AppExit Default Restart
  nssm set andon-agent AppKillProcessTree 0
  nssm set andon-agent Start SERVICE_DELAYED_AUTO_START
  nssm start andon-agent

AppKillProcessTree 0 matters: applications outlive the agent. A screen needs a session: run the agent as a
task at logon instead (schtasks /create /sc onlogon /tn andon-agent /tr "...") where it starts one.
"""


@dataclass(frozen=True, slots=True)
class Service:
    """How it is to be started. home: below /var/lib systemd makes the folder itself."""

    command: str = COMMAND
    home: str = HOME
    user: str = USER
    verb: str = "launch"


def systemd_unit(service: Service) -> str:
    """The text of the unit."""
    state = service.home.removeprefix("/var/lib/") if service.home.startswith("/var/lib/") else "andon-agent"
    return _UNIT.format(
        command=service.command, home=service.home, user=service.user, verb=service.verb, state=state
    )


def windows_steps(service: Service) -> str:
    """What a person does on Windows."""
    return WINDOWS.format(command=service.command, home=service.home, verb=service.verb)
