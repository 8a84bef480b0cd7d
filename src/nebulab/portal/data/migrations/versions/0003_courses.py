"""Courses, their participants, and errands for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "course",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("trainer_id", sa.String(64), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("standing", sa.String(20), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("gpu_need", sa.Text(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(60), nullable=True),
        sa.Column("code", sa.String(20), nullable=True),
        sa.Column("submitted", sa.DateTime(), nullable=False),
        sa.Column("terms", sa.String(20), nullable=False),
        sa.Column("decided", sa.DateTime(), nullable=True),
        sa.Column("decided_by", sa.String(254), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("begun", sa.DateTime(), nullable=True),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.Column("ending", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["trainer_id"], ["person.id"], name="fk_course_trainer_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_course"),
        sa.UniqueConstraint("slug", name="uq_course_slug"),
        sa.UniqueConstraint("code", name="uq_course_code"),
    )
    op.create_index("ix_course_trainer_id", "course", ["trainer_id"])
    op.create_index("ix_course_state_submitted", "course", ["state", "submitted"])
    op.create_index("ix_course_ended_ends", "course", ["ended", "ends"])
    op.create_table(
        "course_place",
        sa.Column("course_id", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("joined", sa.DateTime(), nullable=False),
        sa.Column("terms", sa.String(20), nullable=False),
        sa.Column("help_since", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name="fk_course_place_course_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_course_place_person_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("course_id", "person_id", name="pk_course_place"),
    )
    op.create_index("ix_course_place_person_id", "course_place", ["person_id"])
    op.add_column("errand", sa.Column("course_id", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Delete courses with their participants, and what was still to be done for them."""
    op.execute("DELETE FROM errand WHERE kind IN ('course', 'place')")
    op.drop_column("errand", "course_id")
    op.drop_table("course_place")
    op.drop_table("course")
