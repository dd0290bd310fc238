"""The app's manifest: what to paste where Slack asks for one. Nothing is asked for that is not used."""

from __future__ import annotations

from typing import Any

from gatepass.slack.face import SHORTCUT

SCOPES = {
    "chat:write": "post and update messages",
    "commands": "the slash command and the shortcut",
    "im:write": "direct messages",
    "mpim:write": "group messages",
    "users:read": "tell people from bots and guests",
    "users:read.email": "slack.user('name@example.com') in flows",
    "channels:read": "slack.users_in_channel in flows; what `slack check` looks at",
    "groups:read": "the same for private channels",
    "usergroups:read": "slack.is_user_in_group in flows",
}
"""Scope -> what it is for."""
NEEDED = ("chat:write", "commands", "im:write", "mpim:write", "users:read")
"""Without these the face does not work; the others serve flows' code."""


def manifest(command: str, url: str) -> dict[str, Any]:
    """The manifest for a command and the server's address; no address: Socket Mode."""
    slash: dict[str, Any] = {
        "command": command,
        "description": "Ask for access, see what you hold",
        "usage_hint": "req [flow] | mine | whoami | help",
        "should_escape": False,
    }
    interactivity: dict[str, Any] = {"is_enabled": True}
    if url:
        endpoint = url.rstrip("/") + "/slack/events"
        slash["url"] = endpoint
        interactivity |= {"request_url": endpoint, "message_menu_options_url": endpoint}
    shortcut = {
        "name": "Ask for access",
        "type": "global",
        "callback_id": SHORTCUT,
        "description": "Ask for access",
    }
    return {
        "display_information": {
            "name": "gatepass",
            "description": "The gate to AWS: ask, decide, hold, see it end.",
        },
        "features": {
            "bot_user": {"display_name": "gatepass", "always_online": True},
            "shortcuts": [shortcut],
            "slash_commands": [slash],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }
