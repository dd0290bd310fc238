"""Jira. Raises `JiraError`."""

from __future__ import annotations

from typing import Any

from gatepass.sdk import link
from gatepass.sdk.integrations.people import ask_dicts


def search_issues(
    jql: str, fields: list[str] | None = None, expand: str | None = None
) -> list[dict[str, Any]]:
    """Issues that a query finds."""
    return ask_dicts("jira.search_issues", jql=jql, fields=fields, expand=expand)


def add_comment_to_issue(issue_id_or_key: str, comment: str, expand: str | None = None) -> None:
    """Put a comment under an issue."""
    link.ask("jira.add_comment_to_issue", issue_id_or_key=issue_id_or_key, comment=comment, expand=expand)


def create_issue(
    title: str,
    project_key: str,
    issue_type_name: str,
    description: str | None = None,
    due_date: str | None = None,
    labels: list[str] | None = None,
    parent_issue_id_or_key: str | None = None,
    priority_id: str | None = None,
    custom_fields: dict[str, Any] | None = None,
) -> str:
    """Make an issue; its key."""
    key = link.ask(
        "jira.create_issue",
        title=title,
        project_key=project_key,
        issue_type_name=issue_type_name,
        description=description,
        due_date=due_date,
        labels=labels,
        parent_issue_id_or_key=parent_issue_id_or_key,
        priority_id=priority_id,
        custom_fields=custom_fields,
    )
    return str(key)
