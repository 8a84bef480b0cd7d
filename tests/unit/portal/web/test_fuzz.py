"""schemathesis makes requests out of the application's description: none fails, and none does what it may not.

Each is sent by nobody, by a person and by an administrator, often with the token that the form needs and with ids that
are there, so that it gets further than the first check.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from sqlalchemy import delete
from sqlalchemy.orm import Session

from nebulab.pool.reading import parse
from nebulab.portal import clock
from nebulab.portal.data.courses import Course, Place, Seat
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Application, Confirmation, Drift, State
from nebulab.portal.rules import applications
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.courses.forms import TERMS
from nebulab.portal.rules.domains import Standing
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal
from support.applicants import WRITTEN, Browser, written
from support.portal_routes import PUBLIC, application_of, routes_of, without_rates

pytestmark = pytest.mark.system
EXAMPLES = 14
"""Of each kind for each route; with more it takes too long, and finds what it finds within these."""
SECONDS = 40
"""Of a processor, at most."""
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
HELPED = st.sampled_from((True, True, False))
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
_STATES = (*State, State.WAITING, State.WAITING, State.ASKED)
"""Those in which most can be done more often."""
DECIDED = (State.APPROVED, State.WAITING, State.ASKED, State.REFUSED, State.WITHDRAWN)
"""States that a course may have."""
_STATE_FOR = {
    "/courses/{course}/answer": State.ASKED,
    "/admin/courses/{course}/change": State.APPROVED,
    "/admin/courses/{course}/end": State.APPROVED,
    "/apply": State.WITHDRAWN,
    "/applications/{application}/answer": State.ASKED,
    "/applications/{application}/send-again": State.UNCONFIRMED,
    "/confirm/{link}": State.UNCONFIRMED,
}
_TEXTS = ("reason", "question", "answer")
_ODD = ("Because\x00", "\u202eBecause", "' OR 1=1 --", "{{7*7}}", "<script>", "%s%n", "9" * 5_000)
Open = Callable[..., Browser]


@pytest.fixture
def settings(settings: PortalSettings, tmp_path: Path) -> PortalSettings:
    (tmp_path / "machines.yml").write_text("nodes: [{name: a, gpus: [{model: A100, count: 2}]}]")
    return replace(settings, pool=parse(f"file:{tmp_path}/machines.yml"))


APPLICATION, LINK, CODE = "a" * 32, "l1nk", "ABCD2345"
GRACE = Account("idgrace", "grace@uni-freiburg.de", "grace")
"""An administrator, whose own the application is too: nothing is not hers."""
IDS = {"application": APPLICATION, "person": GRACE.id, "link": LINK, "course": APPLICATION, "code": CODE}
IDS |= {"account": "1", "limit": "1"}


def lay_out(database: Database, state: State, *, has_access: bool) -> None:
    """Have Grace's application and her course in a state, with a link and a code that work, whatever requests did."""
    now, days = clock.now(), timedelta(days=100)
    fields = {name: WRITTEN[name] for name in ("purpose", "project", "group_leader", "institution", "gpu_need")}
    with database.writing() as session:
        for table in (Application, Access, Drift):
            session.execute(delete(table).where(table.person_id == GRACE.id))
        session.execute(delete(Course))
        applications.keep_person(session, GRACE)
        session.add(
            Application(
                **fields,
                id=APPLICATION,
                person_id=GRACE.id,
                state=state,
                email=GRACE.email,
                standing=Standing.INSTITUTION,
                wanted_until=clock.today() + days,
                submitted=now,
                terms="1",
            )
        )
        session.flush()
        token = hashlib.sha256(LINK.encode()).hexdigest()
        session.add(Confirmation(token_hash=token, application_id=APPLICATION, email=GRACE.email, expires=now + days))
        session.add(Drift(person_id=GRACE.id, email=GRACE.email, kind="missing", found=now))
        lay_out_course(session, state if state in DECIDED else State.APPROVED)
        if has_access:
            session.add(Access(person_id=GRACE.id, since=now, until=clock.today() + days))


def lay_out_course(session: Session, state: State) -> None:
    """Grace's course, which she is in herself, and which lasts if it is approved."""
    now, today = clock.now(), clock.today()
    is_on = state == State.APPROVED
    course = Course(
        **{name: WRITTEN[name] for name in ("purpose", "gpu_need")},
        id=APPLICATION,
        trainer_id=GRACE.id,
        state=state,
        email=GRACE.email,
        standing=Standing.INSTITUTION,
        confirmed=False,
        name="Nuclei",
        begins=today,
        ends=today + timedelta(days=5),
        places=5,
        slug=APPLICATION if is_on else None,
        code=CODE if is_on else None,
        submitted=now,
        terms="1",
        begun=now if is_on else None,
    )
    session.add(course)
    session.flush()
    session.add(Place(course_id=course.id, person_id=GRACE.id, state=Seat.JOINED, joined=now, terms="1"))


def test_no_request_fails_and_none_does_what_it_may_not(browser: Open, portal: Portal, database: Database) -> None:
    portal.rates = without_rates()
    portal.chores.resources.look()
    people = {"nobody": browser(), "eve": browser("eve", "eve@uni-freiburg.de")}
    people["admin"] = browser(GRACE.name, GRACE.email, is_admin=True)
    schema = openapi.from_dict(application_of(make_app(portal)).openapi())
    began, sent = time.process_time(), 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr] # what can't be read raises

        @seed(13)
        @hypothesis.settings(SETTINGS)
        @given(
            case=st.one_of(*map(operation.as_strategy, MODES)),
            helped=st.sampled_from((True, True, False)),
            chosen=st.data(),
        )
        def ask(case: Case[Any], helped: bool, chosen: st.DataObject) -> None:
            nonlocal sent
            if helped:
                lay_out(database, chosen.draw(st.sampled_from(_STATES)), has_access=chosen.draw(st.booleans()))
                _help(case, chosen)
            for name, who in people.items():
                sent += 1
                _judge(case, name, _send(case, who, helped))

        ask()
    taken = time.process_time() - began
    assert sent > 1000 and taken < SECONDS, f"{sent} requests took {taken:.0f} s of a processor"


def sound(path: str) -> dict[str, str]:
    """Return fields with which the form at a path is taken."""
    today = clock.today()
    days = {"begins": today.isoformat(), "ends": (today + timedelta(days=3)).isoformat()}
    fields = {"name": "Nuclei", "places": "5", "whose": "everybody", "hours": "40", "days": "7", **days, **written()}
    fields |= {"version": "1", "until": (today + timedelta(days=50)).isoformat(), "sure": "yes"}
    if path.startswith(("/courses", "/join")):
        fields["terms"] = TERMS
    return fields | dict.fromkeys(_TEXTS, "Because")


def test_odd_texts_in_each_field_fail_nowhere(browser: Open, portal: Portal, database: Database) -> None:
    """Each field of each form in turn, all others being sound, so that the text gets as far as the database."""
    portal.rates = without_rates()
    grace = browser(GRACE.name, GRACE.email, is_admin=True)
    forms = [route for route in routes_of(make_app(portal)) if route.method == "POST"]
    taken = 0
    for route in forms:
        (address,) = route.addresses({name: [each] for name, each in IDS.items()})
        for name, odd in itertools.product(route.names - {"form_token"}, _ODD):
            lay_out(database, _STATE_FOR.get(route.path, State.WAITING), has_access=True)
            answer = grace.post(address, **sound(route.path) | {name: odd})
            assert answer.status_code < 500, f"{route} with {name}={odd[:20]!r}: {answer.status_code}"
            taken += answer.status_code == 303
    assert taken > 30, "most are taken as texts"


def _help(case: Case[Any], chosen: st.DataObject) -> None:
    """Name what is there, and fill in the fields, some of them with what schemathesis has made."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = IDS.get(name, APPLICATION)
    if isinstance(case.body, dict):
        made = {name: value for name, value in case.body.items() if name != "version" and chosen.draw(st.booleans())}
        case.body = {**sound(case.operation.path), **made}


def _send(case: Case[Any], who: Browser, helped: bool) -> Any:
    if helped and isinstance(case.body, dict):
        case.body["form_token"] = who.token()
    # What schemathesis would send by itself, as bytes.
    kwargs = case.as_transport_kwargs(base_url="http://localhost:8095")
    made = requests.Request(**{name: kwargs[name] for name in kwargs if name in _REQUESTS}).prepare()
    headers: Any = {name: value for name, value in made.headers.items() if name.lower() != "cookie"}
    content: Any = made.body or b""
    return who.client.request(str(made.method), str(made.url), content=content, headers=headers, follow_redirects=False)


_REQUESTS = frozenset({"method", "url", "headers", "files", "data", "params", "json"})


def _judge(case: Case[Any], name: str, answer: Any) -> None:
    told = f"{name}: {case.method} {case.formatted_path} {case.query} {case.body!r}: {answer.status_code}"
    assert answer.status_code < 500, told
    assert answer.headers["x-frame-options"] == "DENY", told
    path = case.operation.path
    if path in PUBLIC:
        return
    # A form that can't be read, or an address that can be none, is told before anybody is asked for.
    refused = {401, 404, 405, 413, 422}
    if name == "nobody":
        assert answer.status_code in refused, told
    elif name == "eve" and path.startswith("/admin/"):
        assert answer.status_code in {403, 404, 405, 413, 422}, told
