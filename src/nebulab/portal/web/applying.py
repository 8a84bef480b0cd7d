"""Pages of an applicant: the form, and the applications; runs beside Galaxy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from nebulab.errors import FormError, PortalError
from nebulab.portal.data.tables import LINE, OPEN, TEXT
from nebulab.portal.rules import applications, forms
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.domains import checked_address
from nebulab.portal.web.public import Id, Token
from nebulab.portal.web.visit import Visit, Visiting

router = APIRouter()


class Filled(BaseModel):
    """The form's fields as a browser sends them."""

    form_token: str = ""
    purpose: str = ""
    project: str = ""
    group_leader: str = ""
    institution: str = ""
    gpu_need: str = ""
    wanted_until: str = ""
    email: str = ""
    tool: str = ""
    terms: str = ""


@router.get("/apply")
def form(visit: Visiting, tool: str = "") -> Response:
    """Show the form, filled in as far as is known."""
    account = visit.account()
    with visit.portal.database.reading() as session:
        former = applications.of_person(session, account.id)
        undecided = next((each for each in former if each.state in OPEN), None)
        if undecided is not None:
            return RedirectResponse(f"{visit.context.settings.path}/applications/{undecided.id}", 303)
        return _form(visit, _known(session, visit, account) | {"tool": forms.tool_of(tool)}, {})


@router.post("/apply")
def apply(visit: Visiting, filled: Annotated[Filled, Form()]) -> Response:
    """Keep an application."""
    account = visit.account()
    visit.check_form(filled.form_token)
    visit.portal.rates.count("apply", account.id)
    try:
        read = forms.read_form(filled.model_dump(), visit.context)
        with visit.portal.database.writing() as session:
            application = applications.apply(session, account, read, visit.context)
    except FormError as error:
        return _form(visit, filled.model_dump(), error.faults, 422)
    except IntegrityError:
        raise PortalError("This application was sent twice at once.", "It is kept once: see the first page.") from None
    return visit.to(f"/applications/{application.id}", "applied")


@router.get("/applications/{application}")
def show(visit: Visiting, application: Id) -> Response:
    """Show a person's own application."""
    account = visit.account()
    with visit.portal.database.reading() as session:
        found = applications.own(session, account, application)
        return visit.page("application", application=found, faults={}, answer="", open=found.state in OPEN)


@router.post("/applications/{application}/send-again")
def send_again(visit: Visiting, application: Id, form_token: Token = "") -> Response:
    """Send a new link to confirm the address."""
    account = visit.account()
    visit.check_form(form_token)
    visit.portal.rates.count("apply", account.id)
    with visit.portal.database.writing() as session:
        applications.send_again(session, account, application, visit.context)
    return visit.to(f"/applications/{application}", "sent")


@router.post("/applications/{application}/answer")
def answer(visit: Visiting, application: Id, form_token: Token = "", answer: Annotated[str, Form()] = "") -> Response:
    """Answer a reviewer's question."""
    account = visit.account()
    visit.check_form(form_token)
    try:
        with visit.portal.database.writing() as session:
            applications.answer(session, account, application, answer)
    except FormError as error:
        with visit.portal.database.reading() as session:
            found = applications.own(session, account, application)
            faults = error.faults
            return visit.page("application", 422, application=found, faults=faults, answer=answer, open=True)
    return visit.to(f"/applications/{application}", "answered")


@router.post("/applications/{application}/withdraw")
def withdraw(visit: Visiting, application: Id, form_token: Token = "") -> Response:
    """Take an application back."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        applications.withdraw(session, account, application)
    return visit.to("/", "withdrawn")


def _form(visit: Visit, filled: dict[str, str], faults: dict[str, str], status: int = 200) -> Response:
    person = visit.needed()
    return visit.page(
        "apply",
        status,
        filled=filled,
        faults=faults,
        account=person.email,
        terms_version=forms.TERMS,
        longest=forms.longest_until(visit.context),
        line=LINE,
        text=TEXT,
    )


def _known(session: Session, visit: Visit, account: Account) -> dict[str, str]:
    """Return what can be filled in: from the person's last application, and from the address of the account."""
    filled = dict.fromkeys(Filled.model_fields, "") | {"wanted_until": forms.default_until(visit.context).isoformat()}
    former = applications.of_person(session, account.id)
    if former:
        last = former[0]
        kept = ("purpose", "project", "group_leader", "institution", "gpu_need", "email")
        return filled | {name: getattr(last, name) for name in kept}
    try:
        address = checked_address(account.email)
    except PortalError:
        return filled
    if not visit.context.domains.standing(address).official:
        return filled
    return filled | {"email": address, "institution": visit.context.domains.institution(address)[:LINE]}
