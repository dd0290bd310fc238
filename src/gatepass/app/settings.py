"""Every setting, read once from `GATEPASS_*` into one frozen value; nothing else reads the environment.

Lengths are written `250ms`, `15s`, `5m`, `2h` or `1d`. All faults are told at once, each naming its variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path

from gatepass.access.plans import Limits
from gatepass.errors import GatepassError
from gatepass.handlers import Deadlines

PREFIX = "GATEPASS_"
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class SettingsError(GatepassError):
    """Settings that cannot be used; every fault at once, each with its variable."""

    code = "settings"


def _data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "gatepass"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process of gatepass runs. The variable of each field is `GATEPASS_` and its name in capitals."""

    data_dir: Path = field(default_factory=_data_dir)
    """Where SQLite, keys and checkpoints lie; made with mode 0700."""
    database_url: str = ""
    """`sqlite:///...` or `postgresql://...`; empty: SQLite in the data directory."""
    key_file: Path | None = None
    """The installation's secret; empty: `installation.key` in the data directory, made at the first start."""
    listen_database_url: str = ""
    """The database's own address, for LISTEN and jobs, where the other is a pooler's; empty: there is no pooler."""
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    """How people reach the server, for links and logins; empty: http://host:port."""
    session_idle: timedelta = timedelta(hours=1)
    """A session of the portal that nobody uses ends after so long."""
    session_lasts: timedelta = timedelta(hours=12)
    """And every one after so long."""
    oidc_issuer: str = ""
    """Whose word is taken for who signs in at the portal; empty: nobody can, outside the demo."""
    oidc_client_id: str = ""
    """As which gatepass is registered there; its redirect URI is `GATEPASS_PUBLIC_URL/login/callback`."""
    oidc_client_secret: str = field(default="", repr=False)
    """Empty: a public client. Or `GATEPASS_OIDC_CLIENT_SECRET_FILE` names a file that holds it."""
    oidc_client_secret_file: Path | None = None
    """The file that holds the client's secret."""
    oidc_scopes: str = "openid email profile"
    """What is asked for, separated by blanks; `openid` is needed."""
    oidc_algorithms: str = "RS256 ES256 PS256 EdDSA"
    """How the issuer may sign, separated by blanks."""
    oidc_groups_claim: str = "groups"
    """Where in the identity the groups stand."""
    oidc_groups: str = ""
    """Separated by commas: only members of one of these may sign in; empty: everybody whom the estate knows."""
    oidc_groups_every: timedelta = timedelta(hours=1)
    """How old the issuer's word about somebody's groups may grow: then they sign in again, which asks it anew."""
    deciding_tokens: str = "own"
    """`issued` lets people answer with a token that an admin issued for them: only where nobody can sign in."""
    threads: int = 8
    """Facts settled at the same time by one process."""
    lease: timedelta = timedelta(seconds=15)
    beat: timedelta = timedelta(seconds=1)
    """How often a process says that it is alive; whose beat is missed three times gives up its work to the others."""
    connect_timeout: timedelta = timedelta(seconds=3)
    read_timeout: timedelta = timedelta(seconds=8)
    idle_poll: timedelta = timedelta(milliseconds=250)
    """How often rows are looked at when nothing wakes the loop."""
    poll: timedelta = timedelta(seconds=1)
    list_lag: timedelta = timedelta(seconds=120)
    recheck: timedelta = timedelta(seconds=10)
    doubt: timedelta = timedelta(hours=24)
    sweep: timedelta = timedelta(minutes=5)
    start_within: timedelta = timedelta(hours=1)
    """A grant that could not start by then fails."""
    backoff: timedelta = timedelta(seconds=1)
    backoff_cap: timedelta = timedelta(seconds=60)
    checkpoint_every: timedelta = timedelta(hours=1)
    checkpoints_to: str = ""
    """Where else signed checkpoints go, separated by blanks: `/directory`, `s3://BUCKET/PREFIX`, `https://ADDRESS`."""
    accounts_every: timedelta = timedelta(minutes=10)
    """How old the list of an organization's accounts may grow."""
    skew: timedelta = timedelta(seconds=30)
    """Clocks that differ by more stop granting."""
    calls_per_second: int = 20
    """The documented limit of one Identity Center instance; 98 % of it is used."""
    outstanding: int = 10
    """Asynchronous writes in flight at one instance."""
    job_threads: int = 8
    """Accounts that teams are applied to at the same time by one process."""
    dead_after: timedelta = timedelta(seconds=10)
    """A process that has not been heard of for so long is dead: another goes on with its jobs."""
    handlers: str = "isolated"
    """`unisolated` lets implementations run where the isolation cannot be had (security.md 26)."""
    handler_deadline: timedelta = timedelta(seconds=2)
    """A reducer or hook that takes longer is a fault, and ended."""
    prefetch_deadline: timedelta = timedelta(seconds=5)
    """The same for the functions that give a field's options."""

    slack_bot_token: str = ""
    """Turns the Slack face on. This, the next two and `smtp_password` are references: `env:NAME` or `file:PATH`."""
    slack_signing_secret: str = ""
    """For interactions over HTTP at /slack/events."""
    slack_app_token: str = ""
    """For Socket Mode instead, where Slack cannot reach the server."""
    slack_team: str = ""
    """The id of the workspace (`T...`); nobody from another is let in."""
    slack_enterprise: str = ""
    slack_command: str = "/gatepass"
    slack_url: str = ""
    """Of Slack's Web API, ending in /api/; empty: Slack's own."""
    slack_channel: str = ""
    """Where flows ask that name no destination; empty: each person who may decide."""
    smtp_host: str = ""
    """Turns mail on."""
    smtp_port: int = 587
    smtp_from: str = ""
    smtp_tls: str = "starttls"
    """`starttls`, `tls`, or `none` on a trusted network."""
    smtp_user: str = ""
    smtp_password: str = ""
    alarm_slack: str = ""
    """The channel in which operators are told of alarms; needs Slack."""
    alarm_mail: str = ""
    """Their addresses, separated by commas; needs mail."""
    alarm_webhook: str = ""
    """An https address that is told of them, with `alarm_webhook_secret`, a reference, as the key of the signature."""
    alarm_webhook_secret: str = ""
    remind_after: timedelta = timedelta(hours=1)
    """An open question is said again after so long, then after twice as long, and so on."""

    @property
    def deadlines(self) -> Deadlines:
        return Deadlines(self.handler_deadline, self.prefetch_deadline)

    @property
    def limits(self) -> Limits:
        return Limits(
            list_lag=self.list_lag,
            doubt=self.doubt,
            poll=self.poll,
            recheck=self.recheck,
            backoff=self.backoff,
            backoff_cap=self.backoff_cap,
        )

    @property
    def key(self) -> Path:
        return self.key_file or self.data_dir / "installation.key"

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'gatepass.db'}"

    def make_data_dir(self) -> None:
        """Make the data directory where there is none. Raises `SettingsError` when that cannot be."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise SettingsError(
                f"the data directory {self.data_dir} cannot be made: {fault.strerror}",
                advice="choose another with --data-dir or GATEPASS_DATA_DIR",
            ) from None

    @property
    def url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"


def read_settings(environment: Mapping[str, str], **given: object) -> Settings:
    """The settings of this process: what is `given` (a flag), else the environment, else the default.

    Raises `SettingsError` with every fault at once.
    """
    values: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    faults: list[str] = []
    for each in fields(Settings):
        variable = PREFIX + each.name.upper()
        text = environment.get(variable)
        if text is None or each.name in values:
            continue
        try:
            values[each.name] = _parse(str(each.type), text)
        except ValueError as wrong:
            faults.append(f"{variable}: found {text!r}; allowed: {wrong}")
    if faults:
        raise SettingsError(
            "settings cannot be used: " + "; ".join(faults), advice="correct them and start again"
        )
    return Settings(**values)  # type: ignore[arg-type]


def parse_length(text: str) -> timedelta:
    """`250ms`, `15s`, `5m`, `2h`, `1d` as a length of time. ValueError says what is allowed."""
    match = re.fullmatch(r"([0-9]{1,9})(ms|s|m|h|d)", text.strip())
    if match is None:
        raise ValueError("a whole number with ms, s, m, h or d, such as 15s")
    return timedelta(milliseconds=int(match.group(1)) * _UNITS[match.group(2)])


def _parse(kind: str, text: str) -> object:
    match kind:
        case "timedelta":
            return parse_length(text)
        case "int":
            if not re.fullmatch(r"[0-9]{1,9}", text):
                raise ValueError("a whole number")
            return int(text)
        case "Path" | "Path | None":
            return Path(text).expanduser()
    return text
