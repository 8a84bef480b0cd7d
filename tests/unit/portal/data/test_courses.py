"""Courses in the database: the migration goes down and up again on data, and leaves what is no course's."""

from __future__ import annotations

from sqlalchemy import func, inspect, select, text

from nebulab.portal.data.courses import Course
from nebulab.portal.data.database import Database
from nebulab.portal.rules import applications
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.courses import places
from support.applicants import ADA, a_form
from support.courses import approved, join, people


def test_the_migration_goes_down_and_up_again_on_data(database: Database, context: Context) -> None:
    with database.writing() as session:
        applications.apply(session, ADA, a_form(), context)
    join(database, context, approved(database, context), *people(3))
    database.downgrade("0002")
    assert not {"course", "course_place"} & set(inspect(database.engine).get_table_names())
    with database.engine.connect() as connection:
        kinds = connection.execute(text("SELECT DISTINCT kind FROM errand")).scalars().all()
        people_left = connection.execute(text("SELECT count(*) FROM application")).scalar()
    # What Galaxy was to be told of courses is gone with them; the mails and the application stay.
    assert (kinds, people_left) == (["mail"], 1)
    database.upgrade()
    course = approved(database, context)
    join(database, context, course, *people(2))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Course)) == 1
        assert places.taken(session, course.id) == 2
