"""Connectors are kept by instance, tokens know the one they were issued through, open requests are found at once.

Revision ID: 0004
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("parent", sa.Text(), nullable=True))
    op.create_index("ix_tokens_parent", "tokens", ["parent"])
    undecided = sa.text("state IN ('asked', 'pending', 'approved')")
    op.create_index(
        "ix_requests_open",
        "requests",
        ["state", "requester", "flow", "target"],
        sqlite_where=undecided,
        postgresql_where=undecided,
    )
    op.add_column("facts", sa.Column("place", sa.Text(), nullable=False, server_default=sa.text("''")))
    kept = sa.text("place <> ''")
    op.create_index("ix_facts_place", "facts", ["place"], sqlite_where=kept, postgresql_where=kept)
    _key_by_instance()


def _key_by_instance() -> None:
    """What was kept by organization had one connector: its facts are reached through that one from now on."""
    connection = op.get_bind()
    old = connection.execute(sa.text("SELECT * FROM tombstones")).mappings().all()
    op.drop_table("tombstones")
    new = op.create_table(
        "tombstones",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("estate_version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_tombstones")),
    )
    mark = sa.text("UPDATE facts SET place = :place WHERE organization = :organization")
    for row in old:
        instance = json.loads(row["connector"])["instance_arn"]
        connection.execute(new.insert(), {**row, "instance": instance})
        place = f"{row['organization']}@{instance.rpartition('/')[2]}"
        connection.execute(mark, {"place": place, "organization": row["organization"]})
