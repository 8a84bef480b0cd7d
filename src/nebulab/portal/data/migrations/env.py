"""Alembic runs this for each migration, on the connection that it was given."""

from __future__ import annotations

from alembic import context

from nebulab.portal.data.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
