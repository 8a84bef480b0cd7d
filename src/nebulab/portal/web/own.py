"""Pages on a person's own data: mails, all of it as a file, and its end; runs beside Galaxy."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from nebulab.errors import FormError, NotThere
from nebulab.portal.rules import errands, personal
from nebulab.portal.web.public import Token
from nebulab.portal.web.visit import Visiting

router = APIRouter()


@router.get("/mails")
def mails(visit: Visiting) -> Response:
    """Show the mails of this person, an administrator all of them, where there is no mail server to send them."""
    person = visit.needed()
    if visit.context.settings.smtp:
        raise NotThere("This portal sends its mails.", "Look into your mailbox.")
    with visit.portal.database.reading() as session:
        return visit.page("mails", mails=errands.mails_of(session, None if person.is_admin else person.id))


@router.get("/my-data.json")
def export(visit: Visiting) -> Response:
    """Return all that is kept of a person."""
    account = visit.account()
    with visit.portal.database.reading() as session:
        content = json.dumps(personal.export(session, account), indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": 'attachment; filename="gpu-access-my-data.json"'}
    return Response(content, media_type="application/json", headers=headers)


@router.get("/erase")
def erase_page(visit: Visiting) -> Response:
    """Ask whether all is to be erased."""
    visit.needed()
    return visit.page("erase", faults={})


@router.post("/erase")
def erase(visit: Visiting, form_token: Token = "", sure: Annotated[str, Form()] = "") -> Response:
    """Erase all that is kept of a person."""
    account = visit.account()
    visit.check_form(form_token)
    if sure != "yes":
        error = FormError({"sure": "Tick the box if you want your data deleted and your access ended."})
        return visit.page("erase", 422, faults=error.faults)
    with visit.portal.database.writing() as session:
        personal.erase(session, account)
    return visit.to("/", "erased")
