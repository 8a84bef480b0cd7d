"""GPU hours: the limits, and how each account stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "hour_limit",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("whose", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("hours", sa.Float(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hour_limit"),
        sa.UniqueConstraint("whose", "name", name="uq_hour_limit_whose_name"),
    )
    op.create_table(
        "hour_account",
        sa.Column("account", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.String(64), nullable=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("used", sa.Float(), nullable=False),
        sa.Column("hours", sa.Float(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("warned", sa.DateTime(), nullable=True),
        sa.Column("told", sa.DateTime(), nullable=True),
        sa.Column("idle_told", sa.DateTime(), nullable=True),
        sa.Column("in_galaxy", sa.Boolean(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_hour_account"),
    )
    op.create_index("ix_hour_account_person_id", "hour_account", ["person_id"])
    op.create_index("ix_hour_account_email", "hour_account", ["email"])


def downgrade() -> None:
    """Delete them."""
    op.drop_table("hour_account")
    op.drop_table("hour_limit")
