"""What an address says of its owner, by the lists and by the administrators' own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.errors import PortalError, SettingsError
from nebulab.portal.rules.domains import Standing, checked_address, read_domains, refusal


@pytest.mark.parametrize(
    ("email", "standing"),
    [
        ("ada@uni-freiburg.de", Standing.INSTITUTION),
        ("ada@informatik.uni-freiburg.de", Standing.INSTITUTION),
        ("ada@EMBL.de", Standing.INSTITUTION),
        ("ada@ox.ac.uk", Standing.INSTITUTION),
        ("ada@roche.com", Standing.UNKNOWN),
        ("ada@gmail.com", Standing.FREE),
        ("ada@gmx.de", Standing.FREE),
        ("ada@mailinator.com", Standing.DISPOSABLE),
        ("ada@sub.mailinator.com", Standing.DISPOSABLE),
    ],
)
def test_the_lists_know_institutions_and_free_and_disposable_mail(email: str, standing: Standing) -> None:
    assert read_domains(None).standing(email) == standing


def test_an_institution_is_named() -> None:
    assert read_domains(None).institution("ada@embl.de") == "European Molecular Biology Laboratory"
    assert read_domains(None).institution("ada@example.org") == ""


def test_the_administrators_file_stands_above_the_lists(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text(
        "# ours\naccept institute.example.org\napprove Company.example.org  # a contract\n\n"
        "refuse uni-freiburg.de\naccept gmx.de\n"
    )
    domains = read_domains(path)
    assert domains.standing("a@institute.example.org") == Standing.INSTITUTION
    assert domains.standing("a@mail.company.example.org") == Standing.APPROVED
    assert domains.standing("a@informatik.uni-freiburg.de") == Standing.REFUSED
    assert domains.standing("a@gmx.de") == Standing.INSTITUTION
    assert domains.standing("a@notcompany.example.org") == Standing.UNKNOWN


@pytest.mark.parametrize("line", ["allow example.org", "accept", "accept a b", "accept ada@example.org"])
def test_a_line_that_can_not_be_understood_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "domains"
    path.write_text(f"accept example.org\n{line}\n")
    with pytest.raises(SettingsError, match="line 2") as caught:
        read_domains(path)
    assert "accept example.org" in caught.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="NEBULAB_PORTAL_DOMAINS_FILE"):
        read_domains(tmp_path / "none")


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "ada@freiburg", "a@b.de\r\nBcc: c@d.de", "ada@uni-jena.de, b@gmail.com", "<a@b.de>"],
)
def test_what_is_no_address_is_told(email: str) -> None:
    with pytest.raises(PortalError, match="no e-mail address"):
        checked_address(email)


def test_a_refusal_says_what_to_do() -> None:
    for standing in (Standing.FREE, Standing.DISPOSABLE, Standing.REFUSED):
        assert not standing.official
        assert "address at your university" in refusal("ada@gmail.com", standing).hint
