"""Items of jobs keep no intent: what an interrupted run left half done is known by reading it.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("job_items", "begun")
