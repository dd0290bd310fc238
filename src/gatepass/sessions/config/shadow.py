"""What keeps a tool from using gatepass's profile although it is installed (S-60)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatepass.sessions.config import text
from gatepass.sessions.config.credentials import unmanaged
from gatepass.sessions.errors import SessionError

_KEYS = ("aws_access_key_id", "aws_secret_access_key")
_ROLE = ("role_arn", "source_profile", "credential_source", "web_identity_token_file")


@dataclass(frozen=True)
class Shadow:
    """One thing that comes before gatepass's credential_process."""

    profile: str
    by: str
    advice: str

    def line(self) -> str:
        """For people."""
        return f"profile {self.profile}: gatepass is shadowed by {self.by}; {self.advice}"


def config_path(environment: Mapping[str, str]) -> Path:
    """`AWS_CONFIG_FILE`, otherwise `~/.aws/config`."""
    return Path(os.path.expanduser(environment.get("AWS_CONFIG_FILE") or "~/.aws/config"))


def credentials_path(environment: Mapping[str, str]) -> Path:
    """`AWS_SHARED_CREDENTIALS_FILE`, otherwise `~/.aws/credentials`."""
    return Path(os.path.expanduser(environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"))


def find_shadows(profiles: Iterable[str], environment: Mapping[str, str]) -> list[Shadow]:
    """Everything that comes before our entry for these profiles, in the order SDKs look."""
    names = sorted(profiles)
    found = _in_environment(names, environment)
    config = _read(config_path(environment))
    parts = text.split(config, config_path(environment))
    for section in text.sections(parts.outside()):
        if section.profile in names:
            found += _in_config(section.profile, section.keys, config_path(environment))
    for section in text.sections(unmanaged(_read(credentials_path(environment)))):
        if section.header in names and any(key in section.keys for key in _KEYS):
            place = credentials_path(environment)
            found.append(
                Shadow(
                    section.header,
                    f"keys in {place}",
                    f"move them: gatepass import aws --profile {section.header}",
                )
            )
    return found


def without_default(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that keep the credentials of `[default]` from a child: SDKs prefer them to an endpoint (3.1, S-41).

    Empty where `[default]` has none; otherwise the file that has them is not read at all by the child.
    """
    files = {"AWS_CONFIG_FILE": config_path, "AWS_SHARED_CREDENTIALS_FILE": credentials_path}
    return {
        variable: os.devnull
        for variable, path in files.items()
        if any(_gives(section) for section in text.sections(_read(path(environment))))
    }


def _gives(section: text.Section) -> bool:
    return section.header == "default" and any(
        key in (*_KEYS, *_ROLE, "credential_process", "login_session") or key.startswith("sso_")
        for key in section.keys
    )


def _in_environment(names: list[str], environment: Mapping[str, str]) -> list[Shadow]:
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    if not environment.get("AWS_ACCESS_KEY_ID"):
        return []
    # with --profile the variable is skipped, with AWS_PROFILE or none it wins (3.1)
    name = profile if profile in names else "(any chosen by AWS_PROFILE)"
    return [Shadow(name, "AWS_ACCESS_KEY_ID in the environment", "run: unset AWS_ACCESS_KEY_ID")]


def _in_config(profile: str, keys: Mapping[str, str], place: Path) -> list[Shadow]:
    found = []
    if any(key in keys for key in _ROLE):
        found.append(Shadow(profile, f"role_arn keys in {place}", "remove them from that section"))
    if any(key.startswith("sso_") for key in keys):
        found.append(Shadow(profile, f"sso keys in {place}", "remove them from that section"))
    if any(key in keys for key in _KEYS):
        found.append(Shadow(profile, f"access keys in {place}", "remove them from that section"))
    if "login_session" in keys:
        found.append(Shadow(profile, f"login_session in {place}", "remove it from that section"))
    if not found:
        found.append(
            Shadow(
                profile, f"a section of the same name in {place}", "run: gatepass profiles install --adopt"
            )
        )
    return found


def _read(path: Path) -> list[str]:
    try:
        return text.decode(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SessionError(f"{path} cannot be read ({error.strerror})", advice="check its mode") from error
