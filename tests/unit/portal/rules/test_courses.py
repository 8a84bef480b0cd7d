"""Courses: asked for, decided, joined, begun and ended; each once, whoever comes at the same moment."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import select

from nebulab.errors import FormError, NotThere, Overtaken, PortalError
from nebulab.portal.data.courses import Course, Place
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Base, Errand
from nebulab.portal.rules import accesses, applications, personal
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.courses import asking, deciding, forms, outbox, places
from support.applicants import ADA, BOB, Clock, a_form, link_in, mails
from support.courses import OTHER, REVIEWER, TRAINER, acts, approved, asked, filled, found, frame, join, people


def errands(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        query = select(Errand).where(Errand.kind.in_((outbox.COURSE, outbox.PLACE))).order_by(Errand.id)
        return [(errand.kind, errand.person_id) for errand in session.scalars(query)]


def follow(database: Database, context: Context) -> int:
    with database.writing() as session:
        return deciding.begin_and_end(session, context)


def test_a_course_is_asked_for_and_approved(database: Database, context: Context) -> None:
    course = asked(database, context)
    assert (course.state, course.email, course.confirmed, course.code) == ("waiting", TRAINER.email, False, None)
    with database.writing() as session:
        wider = frame(0, 3, 30)
        deciding.approve(session, course.id, version=course.version, actor=REVIEWER, context=context, frame=wider)
    course = found(database, course.id)
    assert (course.state, course.places, course.ends) == ("approved", 30, wider.ends)
    assert course.begun is not None and course.galaxy_name.startswith("training-segmentation-with-ubermut-")
    body = mails(database)[-1].body
    assert f"/join/{course.code}" in body and "30 people may join" in body
    assert errands(database) == [("course", "")] * 2  # approved, and begun
    assert [act for _, act, _ in acts(database)] == ["course-asked-for", "course-approved", "course-begun"]


def test_a_trainer_needs_an_official_address(database: Database, context: Context) -> None:
    def ask_as_bob() -> Course:
        with database.writing() as session:
            return asking.ask_for(session, BOB, forms.read_course(filled(), context), context)

    with pytest.raises(PortalError, match="does not show where you work"):
        ask_as_bob()
    with database.writing() as session:
        applications.apply(session, BOB, a_form("bob@roche.com"), context)
    with pytest.raises(PortalError):
        ask_as_bob()
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
    course = ask_as_bob()
    assert (course.email, course.confirmed) == ("bob@roche.com", True)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": " "}, "name"),
        ({"name": "n" * 201}, "name"),
        ({"purpose": "short"}, "purpose"),
        ({"gpu_need": ""}, "gpu_need"),
        ({"begins": "2020-01-01"}, "begins"),
        ({"ends": "soon"}, "ends"),
        ({"ends": "2999-01-01"}, "ends"),
        ({"places": "0"}, "places"),
        ({"places": "501"}, "places"),
        ({"places": "٣"}, "places"),
        ({"places": "1e2"}, "places"),
        ({"terms": ""}, "terms"),
    ],
)
def test_faults_are_told_beside_their_fields(context: Context, fields: dict[str, str], fault: str) -> None:
    with pytest.raises(FormError) as raised:
        forms.read_course(filled() | fields, context)
    assert list(raised.value.faults) == [fault]


def test_the_last_day_is_not_before_the_first(context: Context) -> None:
    with pytest.raises(FormError, match="last day comes before"):
        forms.read_course(filled(begins=3, ends=2), context)


def test_a_question_an_answer_and_a_refusal(database: Database, context: Context) -> None:
    course = asked(database, context)
    with database.writing() as session:
        deciding.ask(session, course.id, version=None, actor=REVIEWER, context=context, question="Where?")
    assert "Where?" in mails(database)[-1].body
    with pytest.raises(NotThere), database.writing() as session:
        asking.answer(session, OTHER, course.id, "Here")
    with pytest.raises(Overtaken), database.writing() as session:
        deciding.approve(session, course.id, version=None, actor=REVIEWER, context=context)
    with database.writing() as session:
        asking.answer(session, TRAINER, course.id, "Freiburg")
    with database.writing() as session:
        deciding.refuse(session, course.id, version=None, actor=REVIEWER, context=context, reason="CPUs do")
    assert "CPUs do" in mails(database)[-1].body
    with pytest.raises(PortalError, match="decided"), database.writing() as session:
        asking.withdraw(session, TRAINER, course.id)


def test_the_second_reviewer_is_told(database: Database, context: Context) -> None:
    course = asked(database, context)
    with database.writing() as session:
        deciding.refuse(session, course.id, version=course.version, actor=REVIEWER, context=context, reason="No")
    with pytest.raises(Overtaken, match="decided last"), database.writing() as session:
        deciding.approve(session, course.id, version=course.version, actor=REVIEWER, context=context)


def test_a_code_is_typed_as_people_type(database: Database, context: Context) -> None:
    course = approved(database, context)
    code = course.code or ""
    with database.reading() as session:
        for typed in (code.lower(), f" {code[:4]} - {code[4:]} ", f"{code[:4]}-{code[4:]}"):
            assert places.of_code(session, typed).id == course.id
        for typed in ("", "AAAA", code[:-1], code + "A", "AAAA-AAAA", "'; --", "0OIL1234"):
            with pytest.raises(NotThere):
                places.of_code(session, typed)
    assert len({places.new_code() for _ in range(100)}) == 100


def test_joining_needs_a_place_and_happens_once(database: Database, context: Context) -> None:
    course = approved(database, context, count=2)
    first, second, third = people(3)
    join(database, context, course, first, first, second)
    with pytest.raises(PortalError, match="All 2 places"):
        join(database, context, course, third)
    assert errands(database)[2:] == [("place", first.id), ("place", second.id)]
    assert [mail.to for mail in mails(database)[1:]] == [first.email, second.email]
    with database.writing() as session:
        places.leave(session, first, course.id)
    join(database, context, course, third)
    with database.reading() as session:
        assert {place.person_id for place in places.participants(session, course.id)} == {second.id, third.id}


def test_two_at_the_last_place_at_the_same_moment(database: Database, context: Context) -> None:
    course = approved(database, context, count=1)
    both, told = threading.Barrier(8), list[str]()

    def come(account: Account) -> None:
        both.wait()
        try:
            join(database, context, course, account)
        except PortalError as error:
            told.append(error.message)

    threads = [threading.Thread(target=come, args=(account,)) for account in people(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["All 1 places of this course are taken."] * 7
    with database.reading() as session:
        assert places.taken(session, course.id) == 1


def test_who_is_taken_out_can_not_come_back_and_a_new_code_ends_the_old(database: Database, context: Context) -> None:
    course = approved(database, context)
    eve, ada = people(2)
    join(database, context, course, eve)
    with pytest.raises(NotThere), database.writing() as session:
        places.remove(session, OTHER, course.id, eve.id, context)
    with database.writing() as session:
        places.remove(session, TRAINER, course.id, eve.id, context)
    assert mails(database)[-1].to == eve.email and "taken you out" in mails(database)[-1].body
    with pytest.raises(PortalError, match="has taken you out"):
        join(database, context, course, eve)
    with database.writing() as session:
        places.renew_code(session, TRAINER, course.id)
    with pytest.raises(NotThere):
        join(database, context, course, ada)
    join(database, context, found(database, course.id), ada)
    assert ("idlise", "course-removed", eve.id) in acts(database)


def test_help_is_asked_for_and_solved(database: Database, context: Context) -> None:
    course = approved(database, context)
    first, second = people(2)
    join(database, context, course, first, second)
    for act in (places.call_for_help, places.call_for_help):
        with database.writing() as session:
            act(session, second, course.id)
    with database.reading() as session:
        assert [place.person_id for place in places.participants(session, course.id)] == [second.id, first.id]
    with database.writing() as session:
        places.solved(session, second, course.id)
    with pytest.raises(NotThere), database.writing() as session:
        places.call_for_help(session, OTHER, course.id)
    assert [act for _, act, _ in acts(database)][-2:] == ["course-help", "course-solved"]


def test_it_begins_and_ends_by_itself_once(database: Database, context: Context, time: Clock) -> None:
    course = approved(database, context, begins=2, ends=3)
    (who,) = people(1)
    join(database, context, course, who)
    assert follow(database, context) == 0 and found(database, course.id).begun is None
    with database.writing() as session:
        places.call_for_help(session, who, course.id)
    time.move(days=2)
    assert [follow(database, context) for _ in range(2)] == [1, 0]
    with database.reading() as session:
        assert places.of_person(session, who, course.id).help_since is not None
    assert {mail.to for mail in mails(database)[-2:]} == {TRAINER.email, who.email}
    assert mails(database)[-1].subject == "Your course on GPUs begins"
    time.move(days=1)
    assert follow(database, context) == 0
    time.move(days=1)
    assert [follow(database, context) for _ in range(2)] == [1, 0]
    course = found(database, course.id)
    assert course.ended is not None and course.ending == "over"
    with database.reading() as session:
        assert places.of_person(session, who, course.id).help_since is None
    assert [mail.subject for mail in mails(database)].count("Your course on GPUs has ended") == 2
    with pytest.raises(PortalError, match="has ended"):
        join(database, context, course, ADA)
    assert [act for who, act, _ in acts(database) if who == "portal"] == ["course-begun", "course-ended"]


def test_two_portals_at_the_same_moment_begin_a_course_once(database: Database, context: Context, time: Clock) -> None:
    approved(database, context, begins=1, ends=1)
    time.move(days=1)
    done = list[int]()
    threads = [threading.Thread(target=lambda: done.append(follow(database, context))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 0, 1]
    assert [mail.subject for mail in mails(database)].count("Your course on GPUs begins") == 1


def test_a_course_that_nobody_began_in_time_ends_all_the_same(
    database: Database, context: Context, time: Clock
) -> None:
    course = approved(database, context, begins=1, ends=1)
    time.move(days=5)
    assert follow(database, context) == 1
    course = found(database, course.id)
    assert (course.begun, course.ending) == (None, "over")


def test_an_administrator_extends_and_ends_a_course(database: Database, context: Context, time: Clock) -> None:
    course = approved(database, context)
    (who,) = people(1)
    join(database, context, course, who)
    with database.writing() as session:
        longer = frame(0, 9, 7)
        deciding.change(session, course.id, version=None, actor=REVIEWER, context=context, frame=longer)
    time.move(days=5)
    assert follow(database, context) == 0
    with pytest.raises(FormError), database.writing() as session:
        deciding.end(session, course.id, version=None, actor=REVIEWER, context=context, reason=" ")
    with database.writing() as session:
        deciding.end(session, course.id, version=None, actor=REVIEWER, context=context, reason="A fire alarm")
    assert "A fire alarm" in mails(database)[-1].body and mails(database)[-1].to == who.email
    assert found(database, course.id).ending == "early"
    with pytest.raises(Overtaken, match="has ended"), database.writing() as session:
        deciding.end(session, course.id, version=None, actor=REVIEWER, context=context, reason="Again")
    assert follow(database, context) == 0


def test_the_queue_shows_courses_by_state(database: Database, context: Context) -> None:
    waits, runs, over = asked(database, context), approved(database, context), approved(database, context)
    with database.writing() as session:
        deciding.end(session, over.id, version=None, actor=REVIEWER, context=context, reason="Over")
    with database.reading() as session:
        shown = {state: [each.id for each in deciding.queue(session, state)] for state in deciding.SHOWN}
        assert deciding.count_waiting(session) == 1
    assert [shown[state] for state in ("waiting", "lasting", "ended", "refused")] == [
        [waits.id],
        [runs.id],
        [over.id],
        [],
    ]


def test_a_participants_data_is_exported_and_erased(database: Database, context: Context) -> None:
    course = approved(database, context)
    join(database, context, course, ADA, BOB)
    with database.reading() as session:
        told = json.dumps(personal.export(session, ADA))
    assert "Segmentation with" in told and "course-joined" in told
    assert all(text not in told for text in ("bob@", TRAINER.email, str(course.code)))
    with database.writing() as session:
        personal.erase(session, ADA)
    with database.reading() as session:
        assert personal.export(session, ADA)["places"] == []
        assert [place.person_id for place in session.scalars(select(Place))] == [BOB.id]
    # Galaxy is still to be told.
    assert errands(database)[-1] == ("place", ADA.id)


def test_a_trainers_data_is_exported_and_erased_and_the_course_ends(database: Database, context: Context) -> None:
    course, waits = approved(database, context), asked(database, context)
    join(database, context, course, ADA)
    with database.reading() as session:
        exported = personal.export(session, TRAINER)
    assert [each["name"] for each in exported["courses"]] == ["Segmentation with Übermut"] * 2
    with database.writing() as session:
        personal.erase(session, TRAINER)
    assert follow(database, context) == 1
    assert found(database, waits.id).state == "withdrawn"
    assert mails(database)[-1].to == ADA.email and mails(database)[-1].subject == "Your course on GPUs has ended"
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                assert "lise@" not in str(row)
        # Its participants' own mails have its name; nothing else has.
        assert all("Übermut" not in str(vars(course)) for course in session.scalars(select(Course)))


def test_an_own_access_and_a_course_do_not_touch_each_other(database: Database, context: Context, time: Clock) -> None:
    course = approved(database, context)
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, frame(0, 100).ends, context)
    join(database, context, course, ADA)
    time.move(days=3)
    follow(database, context)
    with database.reading() as session:
        assert accesses.may_use_gpus(accesses.find(session, ADA.id))


def test_who_was_revoked_is_in_no_course_until_a_new_approval(database: Database, context: Context) -> None:
    course = approved(database, context)
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, frame(0, 100).ends, context)
    join(database, context, course, ADA)
    with database.writing() as session:
        accesses.revoke(session, ADA.id, version=None, actor=REVIEWER, context=context, reason="mined coins")
    assert ("idadmin", "course-removed", ADA.id) in acts(database)
    assert errands(database)[-1] == ("place", ADA.id)
    with database.reading() as session:
        assert places.participants(session, course.id) == []
    other = approved(database, context)
    with pytest.raises(PortalError, match="for courses too"):
        join(database, context, other, ADA)
    with database.writing() as session:
        accesses.grant(session, ADA.id, frame(0, 100).ends, context)
    join(database, context, other, ADA)
