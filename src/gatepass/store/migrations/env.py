"""Alembic's environment: runs inside the transaction that `gatepass.store.schema.migrate` opened."""

from __future__ import annotations

from alembic import context

from gatepass.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
