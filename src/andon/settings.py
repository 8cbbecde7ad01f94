"""Every setting of Andon, each with unit, default and consequence. Read by the composition root only.

Set them as environment variables (`ANDON_PORT=8500`, `ANDON_GATEWAY__ENVOY=/usr/bin/envoy`) or in
`andon.env` in the home folder. `docs/reference/settings.md` is generated from here.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseModel):
    """The Envoy in front of the units."""

    envoy: Path | None = Field(
        None, description="Envoy program, 1.30 or newer; unset: one on the PATH, else the installed wheel's"
    )
    certificates: Path | None = Field(
        None,
        description="Folder with certificates of units that speak TLS, each UNIT.ENVIRONMENT.pem or UNIT.pem "
        "with chain and key; all others have that of `andon ca issue`",
    )
    scrape: timedelta = Field(
        timedelta(milliseconds=200),
        description="Time between two readings of Envoy's counters; shorter catches harm earlier, for CPU",
    )
    interval: timedelta = Field(
        timedelta(milliseconds=500),
        description="Time between two looks at the desired routes when nothing woke the loop",
    )


class LocalTargetSettings(BaseModel):
    """Processes on this machine."""

    interval: timedelta = Field(
        timedelta(milliseconds=500), description="Time between two looks at the instances"
    )
    first_port: int = Field(20000, ge=1024, le=65535, description="First port that instances may take")
    last_port: int = Field(29999, ge=1024, le=65535, description="Last port that instances may take")
    crash_loop_restarts: int = Field(
        5, ge=1, description="Deaths within the crash-loop window that make a crash loop"
    )
    crash_loop_window: timedelta = Field(timedelta(minutes=2), description="The crash-loop window")


class PipelineSettings(BaseModel):
    """Where source becomes a release."""

    parallel_stages: int = Field(2, ge=1, le=32, description="Stages that may run at once on this machine")
    find_links: list[str] = Field(
        [], description="Folders of wheels to use beside the package index; all that a closed network has"
    )
    sources: list[Path] = Field(
        [],
        description="Folders that source trees are shipped from, as JSON list; links cannot leave them. "
        "Empty: any folder of this machine that Andon can read",
    )
    use_index: bool = Field(True, description="Whether a build may ask the configured package index")


class EvidenceSettings(BaseModel):
    """Where the plant keeps what says how a release does, beside the gateway and the units themselves."""

    databases: dict[str, SecretStr] = Field(
        {},
        description='Databases that `source = "sql"` may read, as JSON object of names and URLs '
        "(postgresql://reader@host/name, sqlite:////path); give accounts that can only read",
    )
    prometheus: str = Field(
        "", description="Address of the plant's Prometheus, such as http://prometheus:9090; empty: none"
    )
    prometheus_token_file: Path | None = Field(
        None, description="File with the bearer token that it wants; unset: none"
    )
    prometheus_ca: Path | None = Field(
        None, description="Certificates, PEM, that its own is verified by; needed for https"
    )
    patience: timedelta = Field(
        timedelta(seconds=2),
        description="Longest to wait for an answer; a slow source delays all of a unit's",
    )


class RegistrySettings(BaseModel):
    """Where signed releases lie, and for how long."""

    bucket: str = Field(
        "",
        description="Bucket of an S3-compatible store that holds the registry's files; empty: the folder "
        "`registry` of the home. Change it before `andon init`, or mirror what is there first",
    )
    endpoint: str = Field("", description="Address of that store, such as https://minio.plant:9000")
    prefix: str = Field("", description="Folder within the bucket; empty: all of it is the registry's")
    region: str = Field("us-east-1", description="Region that requests are signed for")
    access_key: str = Field("", description="Name of the account there; it needs to read, write and remove")
    secret_key_file: Path | None = Field(None, description="File with its secret key; unset: anonymous")
    ca: Path | None = Field(None, description="Certificates that it is verified by; unset: the system's")
    keep: int = Field(
        20,
        ge=1,
        description="Newest releases of each unit that a garbage collection leaves alone, used or not",
    )
    grace: timedelta = Field(
        timedelta(days=7),
        ge=timedelta(hours=1),
        description="How long a collection leaves a new release alone, and a file that nothing names any "
        "more, for readers in the middle of an older state",
    )
    collect: bool = Field(
        False,
        description="Collect once a day by itself, as `andon registry gc` does; what is collected is gone",
    )


class RolloutSettings(BaseModel):
    """Moving releases into environments."""

    interval: timedelta = Field(
        timedelta(milliseconds=250), description="Time between two looks at a rollout that is under way"
    )
    lease: timedelta = Field(
        timedelta(seconds=3), description="After so long without a sign of life another process takes over"
    )
    webhooks: list[str] = Field(
        [],
        description="Origins that gates may ask, as JSON list, such as https://changes.plant.example. "
        "A manifest names addresses; only those at one of these are asked",
    )
    commands: bool = Field(
        True,
        description="Run the commands that signed manifests name before a share, as Andon's user on this "
        "machine. false: such a command fails, and the rollout comes back",
    )
    webhook_ca: Path | None = Field(
        None, description="Certificates that those are verified by; unset: the system's"
    )


class EdgeRuleSettings(BaseModel):
    """An alert that stations raise by themselves."""

    name: str = Field(min_length=1, max_length=60, description="What the alert is called")
    metric: Literal["cpu", "memory", "disk", "response"] = Field(
        description="What is looked at; response is the screen's own answer time"
    )
    limit: float = Field(gt=0, description="Part of 1; response in seconds. Beyond it the alert is raised")
    for_s: float = Field(0, ge=0, description="Seconds that it has to be beyond it")
    level: Literal["info", "warning", "error", "critical"] = Field(
        "warning", description="Level of the alert"
    )
    pause_s: float = Field(300, ge=0, description="Seconds until it may be raised again")


class FleetSettings(BaseModel):
    """What all stations are told alike. A change reaches each with its next document."""

    poll: timedelta = Field(
        timedelta(hours=1),
        ge=timedelta(seconds=10),
        description="Time between two questions of a station that hears no nudge",
    )
    report: timedelta = Field(
        timedelta(seconds=30),
        ge=timedelta(seconds=1),
        description="Time between two reports; a station that left out six counts as not heard of",
    )
    jitter: float = Field(0.2, ge=0, le=1, description="Part of these times by which stations differ")
    bandwidth: int = Field(
        0, ge=0, description="Bytes a second that one station downloads at most; 0 without a limit"
    )
    download_zone: str = Field("UTC", description="Zone that the download windows are meant in")
    download_windows: list[str] = Field(
        [],
        description='Times when stations may download, as JSON list, such as ["Mon-Fri 18:00-06:00"]; '
        "empty: always",
    )
    rules: list[EdgeRuleSettings] = Field(
        [
            EdgeRuleSettings(name="cpu", metric="cpu", limit=0.80, for_s=60),
            EdgeRuleSettings(name="memory", metric="memory", limit=0.85),
            EdgeRuleSettings(name="disk", metric="disk", limit=0.90, level="error"),
            EdgeRuleSettings(name="response", metric="response", limit=5.0),
        ],
        description="Alerts that stations raise by themselves, as JSON; a list replaces all of them",
    )
    checkpoint: timedelta = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        description="Time between two checkpoints of the timeline that stations witness; each is a new "
        "document for every station",
    )
    registries: list[str] = Field(
        ["/registry/"],
        description="Addresses of the registry that stations ask, best first, as JSON list; one that begins "
        "with / is Andon's own",
    )


class TlsSettings(BaseModel):
    """HTTPS for API and board. Beyond the loopback Andon does not start without it."""

    certificate: Path | None = Field(
        None,
        description="Certificate with its chain, PEM; unset: what `andon ca issue` made in the home folder",
    )
    key: Path | None = Field(
        None, description="Its private key, PEM; unset: it stands in the certificate's file"
    )
    client_ca: Path | None = Field(
        None,
        description="Authority whose clients alone get through; unset: no client certificate is asked for",
    )
    is_on: bool = Field(False, description="Serve HTTPS; where off, only the loopback is listened on")
    interval: timedelta = Field(
        timedelta(seconds=30), description="Time between two looks whether the certificate's files changed"
    )


class GuardSettings(BaseModel):
    """Who may reach API and board at all, and how often."""

    names: list[str] = Field(
        [], description="Host names beside the loopback's under which browsers may reach it, as JSON list"
    )
    networks: list[str] = Field(
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        description="Networks that callers may come from; all others are refused",
    )
    trusted_proxies: list[str] = Field(
        [], description="Networks of proxies whose X-Forwarded-For names the caller's address"
    )
    anonymous_per_minute: int = Field(
        100,
        ge=1,
        description="Requests a minute from one address without valid credentials, sign-ins among them",
    )
    signed_in_per_minute: int = Field(
        1200, ge=1, description="Requests a minute of one session or token; an open board needs about 60"
    )
    open_metrics: bool = Field(
        False, description="Let programs on this machine read /metrics without a token, as a local Prometheus"
    )


class PasswordSettings(BaseModel):
    """What is demanded of passwords, and what checking them may cost."""

    profile: Literal["nist", "part11", "annex11-draft"] = Field(
        "nist", description="Rules for passwords: docs/design/access.md compares the three"
    )
    words: list[str] = Field(
        [], description="Words of the plant that no password may be built on, such as its name"
    )
    breached: Path | None = Field(
        None, description="Sorted file of SHA-1 hashes of breached passwords, one a line, as HIBP gives it"
    )
    parallel: int = Field(
        2, ge=1, le=16, description="Passwords checked at once; each takes 64 MiB for a moment"
    )


class SessionSettings(BaseModel):
    """How long a sign-in lasts."""

    idle: timedelta = Field(timedelta(hours=1), description="A session without a request ends after so long")
    longest: timedelta = Field(timedelta(hours=12), description="Any session ends after so long")
    access_token: timedelta = Field(
        timedelta(minutes=15), description="How long a terminal's access token holds before it is refreshed"
    )


class GroupRoleSettings(BaseModel):
    """Which role the members of a group get, and where."""

    group: str = Field(description="Name (cn) or full DN of the group")
    role: str = Field(description="Role")
    environment: str = Field("*", description="Environment; * is all")
    unit: str = Field("*", description="Unit; * is all")
    line: str = Field("*", description="Line; * is all")


class DirectoryConnection(BaseModel):
    """LDAP or Active Directory; without servers there are local accounts only. docs/operations/ldap.md."""

    servers: list[str] = Field(
        [], description="Servers in the order in which they are tried, such as ldaps://dc1.plant.example"
    )
    name: str = Field("directory", description="What people call it; stands in messages")
    bind_dn: str = Field("", description="Account that searches for people; it needs to read, nothing else")
    bind_secret: str = Field(
        "directory", description="Name of the secret with its password: `andon secrets set directory`"
    )
    base_dn: str = Field("", description="Where people are searched for")
    start_tls: bool = Field(True, description="Upgrade ldap:// to TLS; a server without it is refused")
    allow_plain: bool = Field(False, description="Allow ldap:// without TLS to a server on this machine")
    ca: Path | None = Field(
        None, description="Certificates that servers are verified by; unset: the system's"
    )
    user_filter: str = Field(
        "(&(objectClass=person)(uid={login}))", description="Who is a person; {login} is filled in, escaped"
    )
    login_attribute: str = Field("uid", description="Attribute with the login; sAMAccountName in AD")
    id_attribute: str = Field("entryUUID", description="Attribute that never changes; objectGUID in AD")
    display_name_attribute: str = Field("cn", description="Attribute with the name for people")
    disabled_filter: str = Field(
        "", description="Filter that matches who is disabled, beside the usual signs"
    )
    group_base_dn: str = Field("", description="Where groups are searched for; empty: base_dn")
    group_filter: str = Field(
        "(|(member={dn})(uniqueMember={dn}))", description="Groups of a person; {dn} or {login} is filled in"
    )
    member_of_attribute: str = Field(
        "", description="Attribute of a person that names the groups, as memberOf; empty: groups are searched"
    )
    nested_depth: int = Field(10, ge=0, le=50, description="How deep groups within groups are followed")
    group_roles: list[GroupRoleSettings] = Field([], description="Roles of groups, as JSON")
    connect_timeout: timedelta = Field(timedelta(seconds=3), description="Longest to reach a server")
    timeout: timedelta = Field(timedelta(seconds=5), description="Longest for one answer")
    total_timeout: timedelta = Field(timedelta(seconds=20), description="Longest for a sign-in, all servers")
    retry_dead_after: timedelta = Field(
        timedelta(seconds=30), description="How long a server that did not answer is asked last"
    )
    recheck: timedelta = Field(
        timedelta(minutes=5), description="Time between two looks whether signed-in people may still be"
    )


class WitnessSettings(BaseModel):
    """One witness of the timeline's checkpoints."""

    url: str = Field(description="Its address, such as https://qa-pc.plant:8470")
    key: str = Field(description="Its verifier key, as `andon witness` prints it")
    ca: Path | None = Field(None, description="Certificates that it is verified by; unset: the system's")


class TimelineSettings(BaseModel):
    """The record of what happened."""

    checkpoint: timedelta = Field(
        timedelta(minutes=1), description="Time between two signed checkpoints while records are added"
    )
    clock_step: timedelta = Field(
        timedelta(seconds=1), description="A jump of the machine's clock from here on is recorded"
    )
    witnesses: list[WitnessSettings] = Field(
        [],
        description="Witnesses, as JSON; without one, whoever owns database and keys could rewrite history",
    )


class SecretSettings(BaseModel):
    """Secrets at rest: passwords of the directory, of mail, and so on."""

    key: Path | None = Field(
        None,
        description="Key file; unset: keys/secrets.key of the home. Keep it apart from the database's backup",
    )


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(env_prefix="ANDON_", env_nested_delimiter="__", extra="ignore")

    home: Path = Field(Path(".andon"), description="Folder with everything that Andon keeps")
    host: str = Field(
        "127.0.0.1",
        description="Address of API and board; beyond the loopback it needs ANDON_TLS__IS_ON",
    )
    port: int = Field(8460, ge=1, le=65535, description="Port of API and board")
    database_url: str = Field("", description="postgresql://user@host/name; empty: SQLite in the home folder")
    log_level: str = Field("INFO", description="Lowest level that is logged: DEBUG, INFO, WARNING, ERROR")
    url: str = Field(
        "", description="Address of the Andon that commands speak to; empty: the one of this home"
    )
    ca: Path | None = Field(
        None,
        description="Certificates that commands verify Andon by; unset: the home's CA, else the system's",
    )
    credentials: Path | None = Field(
        None, description="Where `andon login` keeps its tokens; unset: ~/.config/andon/credentials.json"
    )
    token: SecretStr = Field(
        SecretStr(""), description="Token for programs that run commands, instead of a sign-in"
    )
    tls: TlsSettings = TlsSettings()
    guard: GuardSettings = GuardSettings()
    passwords: PasswordSettings = PasswordSettings()
    sessions: SessionSettings = SessionSettings()
    directory: DirectoryConnection = DirectoryConnection()
    timeline: TimelineSettings = TimelineSettings()
    secrets: SecretSettings = SecretSettings()
    gateway: GatewaySettings = GatewaySettings()
    local: LocalTargetSettings = LocalTargetSettings()
    pipelines: PipelineSettings = PipelineSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    registry: RegistrySettings = RegistrySettings()
    rollouts: RolloutSettings = RolloutSettings()
    fleet: FleetSettings = FleetSettings()

    def database(self) -> str:
        """URL of the database in force."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'andon.db'}"


def load(home: Path | None = None) -> Settings:
    """Settings from the environment and from `andon.env` in `home`; `home` wins over the environment."""
    first = Settings() if home is None else Settings(home=home)
    return Settings(home=first.home, _env_file=first.home / "andon.env")
