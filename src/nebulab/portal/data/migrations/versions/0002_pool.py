"""The history of the page of resources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "pool_sample",
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("busy", sa.Integer(), nullable=True),
        sa.Column("down", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("at", "model", name="pk_pool_sample"),
    )
    op.create_index("ix_pool_sample_at", "pool_sample", ["at"])


def downgrade() -> None:
    """Delete it, with its history."""
    op.drop_table("pool_sample")
