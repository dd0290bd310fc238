"""What the Slack face is told by the composition root: plain values, secrets already looked up."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """How one workspace is reached, and whom it lets in."""

    bot_token: str = field(repr=False)
    team: str
    """The workspace's id (`T...`); interactions of any other are refused."""
    signing_secret: str = field(default="", repr=False)
    """For HTTP."""
    app_token: str = field(default="", repr=False)
    """For Socket Mode; empty: HTTP."""
    enterprise: str = ""
    """The id of the Enterprise Grid (`E...`) it belongs to, if it does."""
    command: str = "/gatepass"
    """The slash command; a workspace may keep another name."""
    base_url: str = ""
    """Of the Web API; empty: Slack's own."""
    patience: float = 0.4
    """Seconds an acknowledgement waits for an answer that could go with it; then it goes alone."""
