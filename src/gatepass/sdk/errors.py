"""Errors of SDK values (names, identifiers), which format themselves for people. See `exceptions` for run-time ones."""

from __future__ import annotations


class SymSDKError(Exception):
    """A value the SDK cannot accept: what was found, a hint, and where to read on."""

    def __init__(self, message: str, hint: str = "", doc_url: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.doc_url = doc_url

    def format_slack(self) -> str:
        """The error as Slack text: the message in bold, then the hint and the link where there are any."""
        lines = [f"*{self.message}*"]
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        if self.doc_url:
            lines.append(f"<{self.doc_url}|Read more>")
        return "\n".join(lines)


class SymIntegrationError(SymSDKError):
    """Something about an integration's declaration is wrong. Another class than the one in `exceptions`."""
