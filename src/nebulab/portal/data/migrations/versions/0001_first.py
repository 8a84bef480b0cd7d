"""The first tables, and the audit log that refuses to be changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER audit_no_{name} BEFORE {name} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""
_REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
"""
_ROWS = "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
_WHOLE = "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_person_id"), "audit", ["person_id"], unique=False)
    op.create_table(
        "drift",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("found", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_drift")),
    )
    op.create_table(
        "errand",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("made", sa.DateTime(), nullable=False),
        sa.Column("due", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("done", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errand")),
    )
    op.create_index(op.f("ix_errand_done_due"), "errand", ["done", "due"], unique=False)
    op.create_index(op.f("ix_errand_person_id"), "errand", ["person_id"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("seen", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_index(op.f("ix_person_email"), "person", ["email"], unique=False)
    op.create_table(
        "access",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.Column("ending", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reminded", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_access_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_access")),
    )
    op.create_index(op.f("ix_access_ended_until"), "access", ["ended", "until"], unique=False)
    op.create_table(
        "application",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("group_leader", sa.String(length=200), nullable=False),
        sa.Column("institution", sa.String(length=200), nullable=False),
        sa.Column("gpu_need", sa.Text(), nullable=False),
        sa.Column("wanted_until", sa.Date(), nullable=False),
        sa.Column("tool", sa.String(length=200), nullable=False),
        sa.Column("submitted", sa.DateTime(), nullable=False),
        sa.Column("confirmed", sa.DateTime(), nullable=True),
        sa.Column("terms", sa.String(length=20), nullable=False),
        sa.Column("decided", sa.DateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_application_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
    )
    op.create_index(
        "ix_application_one_open",
        "application",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('unconfirmed', 'waiting', 'asked')"),
        postgresql_where=sa.text("state IN ('unconfirmed', 'waiting', 'asked')"),
    )
    op.create_index(op.f("ix_application_person_id"), "application", ["person_id"], unique=False)
    op.create_index(op.f("ix_application_state_submitted"), "application", ["state", "submitted"], unique=False)
    op.create_table(
        "mail",
        sa.Column("errand_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=254), nullable=False),
        sa.Column("to", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["errand_id"], ["errand.id"], name=op.f("fk_mail_errand_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("errand_id", name=op.f("pk_mail")),
    )
    op.create_index(op.f("ix_mail_person_id"), "mail", ["person_id"], unique=False)
    op.create_table(
        "confirmation",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("used", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name=op.f("fk_confirmation_application_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_confirmation")),
    )
    op.create_index(op.f("ix_confirmation_application_id"), "confirmation", ["application_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for name in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(name=name))
    else:
        for statement in (_REFUSE, _ROWS, _WHOLE):
            op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.drop_index(op.f("ix_confirmation_application_id"), table_name="confirmation")
    op.drop_table("confirmation")
    op.drop_index(op.f("ix_mail_person_id"), table_name="mail")
    op.drop_table("mail")
    op.drop_index(op.f("ix_application_state_submitted"), table_name="application")
    op.drop_index(op.f("ix_application_person_id"), table_name="application")
    op.drop_index(
        "ix_application_one_open",
        table_name="application",
        sqlite_where=sa.text("state IN ('unconfirmed', 'waiting', 'asked')"),
        postgresql_where=sa.text("state IN ('unconfirmed', 'waiting', 'asked')"),
    )
    op.drop_table("application")
    op.drop_index(op.f("ix_access_ended_until"), table_name="access")
    op.drop_table("access")
    op.drop_index(op.f("ix_person_email"), table_name="person")
    op.drop_table("person")
    op.drop_index(op.f("ix_errand_person_id"), table_name="errand")
    op.drop_index(op.f("ix_errand_done_due"), table_name="errand")
    op.drop_table("errand")
    op.drop_table("drift")
    op.drop_index(op.f("ix_audit_person_id"), table_name="audit")
    op.drop_table("audit")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_refuse()")
