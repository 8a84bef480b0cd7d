"""Forms: every fault is told beside its field, and what is too long or no text at all is not kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nebulab.errors import FormError
from nebulab.portal import clock
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.forms import default_until, read_form, read_text, read_until, tool_of
from support.applicants import written


def faults(context: Context, **fields: str) -> dict[str, str]:
    with pytest.raises(FormError) as caught:
        read_form(written(**fields), context)
    return caught.value.faults


def test_a_form_is_read(context: Context) -> None:
    form = read_form(written(project="  Nuclei\n of  cells ", purpose="One.\r\nTwo, three.", tool="a/b/1.0"), context)
    assert (form.project, form.purpose, form.tool) == ("Nuclei of cells", "One.\nTwo, three.", "a/b/1.0")
    assert (form.email, form.standing) == ("ada@uni-freiburg.de", "institution")


def test_each_missing_answer_is_told(context: Context) -> None:
    with pytest.raises(FormError) as caught:
        read_form({}, context)
    assert set(caught.value.faults) == {
        "purpose", "project", "group_leader", "institution", "gpu_need", "email", "wanted_until", "terms",
    }  # fmt: skip


def test_answers_are_bounded(context: Context) -> None:
    assert "4000 are the most" in faults(context, purpose="x" * 4001)["purpose"]
    assert "200 are the most" in faults(context, project="x" * 201)["project"]
    assert "purpose" in faults(context, purpose="GPU")
    assert "purpose" in faults(context, purpose="\x00\x01 \x7f" * 50)
    assert "group_leader" in faults(context, group_leader="\u200b")
    assert "project" in faults(context, project="…!")


def test_what_turns_or_hides_text_is_left_out_and_what_joins_scripts_stays(context: Context) -> None:
    form = read_form(written(group_leader="\u202eevil\u202c", project="a\u200bb می\u200cخواهم 👩\u200d🔬"), context)
    assert (form.group_leader, form.project) == ("evil", "ab می\u200cخواهم 👩\u200d🔬")


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("ada@gmail.com", "Anybody can have an address at gmail.com"),
        ("ada@mailinator.com", "last for minutes"),
        ("ada@never.example.org", "accept no addresses at never.example.org"),
        ("ada", "is no e-mail address"),
    ],
)
def test_an_address_that_stands_for_nobody_is_refused(context: Context, email: str, told: str) -> None:
    assert told in faults(context, email=email)["email"]


def test_days_are_within_what_the_settings_allow(context: Context) -> None:
    today = clock.today()
    assert "wanted_until" in faults(context, wanted_until="soon")
    assert "still to come" in faults(context, wanted_until=(today - timedelta(1)).isoformat())["wanted_until"]
    assert "can be renewed" in faults(context, wanted_until=(today + timedelta(731)).isoformat())["wanted_until"]
    assert read_until(today.isoformat(), context) == today
    assert default_until(context) == today + timedelta(180)
    for text in ("", f"{today:%Y%m%d}", f"{today:%G-W%V-%u}", f"{today} 10:00"):
        with pytest.raises(FormError):
            read_until(text, context)


def test_terms_are_those_that_were_shown(context: Context) -> None:
    assert "terms" in faults(context, terms="0")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("toolshed.org/x/y/1.0+galaxy0", True),
        ("<script>", False),
        ("a b", False),
        ("x" * 201, False),
        ("", False),
    ],
)
def test_only_what_can_be_a_tool_is_named(name: str, kept: bool) -> None:
    assert tool_of(name) == (name if kept else "")


def test_a_reason_is_needed() -> None:
    with pytest.raises(FormError) as caught:
        read_text("  \n", "Write the reason.", "reason")
    assert caught.value.faults == {"reason": "Write the reason."}
