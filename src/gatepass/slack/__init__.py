"""The Slack face: forms, cards, buttons and news, over HTTP or Socket Mode. Contains no rule: the desk decides."""

from gatepass.slack.client import SlackClient
from gatepass.slack.deciding import Memory
from gatepass.slack.face import SlackFace
from gatepass.slack.http import SlackRoute
from gatepass.slack.settings import SlackSettings
from gatepass.slack.sink import Links, SlackSink

__all__ = ["Links", "Memory", "SlackClient", "SlackFace", "SlackRoute", "SlackSettings", "SlackSink"]
