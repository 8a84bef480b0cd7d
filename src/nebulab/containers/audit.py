"""Known vulnerabilities in what is installed: the locks, or an image's bill of materials, against advisories and the
written exceptions; runs in a checkout."""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nebulab.containers.advisories import Finding, Looked, Pin, normalized
from nebulab.containers.engine import Engine
from nebulab.errors import ImageError, SettingsError

EXCEPTIONS = Path("image", "exceptions.toml")

# What people get: the image's environments and those of `nebulab up` and `nebulab lab`. Not what only tests use.
_LOCKS = ("lab.txt", "kernels.txt", "nebulab.txt", "galaxy.txt", "image/*.txt")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_BILLS = "cat /opt/nebulab/sbom/*.cdx.json"
_FIELDS = {"id": str, "package": str, "reason": str, "until": datetime.date}
_SHORTEST_REASON = 30


@dataclass(frozen=True)
class Exempt:
    """One written exception: which vulnerability of which package is lived with, why, and until when."""

    id: str
    package: str
    reason: str
    until: datetime.date

    def covers(self, finding: Finding) -> bool:
        """Whether it is written for `finding`."""
        return self.package == finding.pin[0] and self.id in finding.ids


@dataclass(frozen=True)
class Verdict:
    """What stands against the pins; `good` if nothing does."""

    open: tuple[Finding, ...]
    """Of high severity, without an exception that is still good."""
    lived_with: tuple[tuple[Finding, Exempt], ...]
    minor: tuple[Finding, ...]
    expired: tuple[Exempt, ...]
    unneeded: tuple[Exempt, ...]
    unknown: tuple[Pin, ...]
    """What could not be looked up, and so may be anything."""
    places: Mapping[Pin, Sequence[str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the audit passes."""
        return not (self.open or self.expired or self.unneeded or self.unknown)


def locked(checkout: Path, locks: Collection[Path] = ()) -> dict[Pin, list[str]]:
    """Return every pin of the `locks`, by default those of all that people install, with the locks that have it.

    Pins for other systems count too.

    Raises
    ------
    SettingsError
        A lock pins nothing.
    """
    folder = checkout / "requirements"
    found: dict[Pin, list[str]] = {}
    for lock in locks or sorted(path for pattern in _LOCKS for path in folder.glob(pattern)):
        if lock.name.endswith(".overrides.txt"):
            continue
        pins = _PIN.findall(lock.read_text())
        if not pins:
            raise SettingsError(f"{lock} pins no package.", "Name a lock, such as requirements/lab.txt.")
        place = str(lock.relative_to(folder)) if lock.is_relative_to(folder) else str(lock)
        for name, version in pins:
            found.setdefault(_pin(name, version), []).append(place)
    return found


def installed(engine: Engine, tag: str) -> dict[Pin, list[str]]:
    """Return what the bills of materials inside the image `tag` list, with the image's name.

    Raises
    ------
    ImageError
        The image has none.
    """
    said = engine.ask("run", "--rm", "--network", "none", "--entrypoint", "sh", tag, "-c", _BILLS, seconds=120)
    found: dict[Pin, list[str]] = {}
    rest = (said or "").strip()
    while rest:
        bill, end = json.JSONDecoder().raw_decode(rest)
        rest = rest[end:].lstrip()
        for component in bill.get("components", ()):
            if str(component.get("purl", "")).startswith("pkg:pypi/"):
                found.setdefault(_pin(component["name"], component["version"]), []).append(tag)
    if not found:
        raise ImageError(f"{tag} holds no bill of materials.", "Is it Nebulab's? Build it: nebulab image build")
    return found


def exceptions(path: Path) -> tuple[Exempt, ...]:
    """Read the written exceptions.

    Raises
    ------
    SettingsError
        One of them lacks something, or says too little.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("exception", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}", "Mend it; docs/image.md shows an exception.") from error
    for number, entry in enumerate(entries, 1):
        wrong = [name for name, kind in _FIELDS.items() if type(entry.get(name)) is not kind]
        wrong += [name for name in entry if name not in _FIELDS]
        if not wrong and len(entry["reason"]) < _SHORTEST_REASON:
            wrong.append("reason (say why the vulnerability does no harm here)")
        if wrong:
            raise SettingsError(
                f"Exception {number} of {path} is not complete: {', '.join(wrong)}.",
                "Each has id, package, reason, and until as a date such as 2030-01-31.",
            )
    return tuple(Exempt(**{**entry, "package": normalized(entry["package"])}) for entry in entries)


def judge(
    pins: Mapping[Pin, Sequence[str]],
    looked: Looked,
    exempt: Sequence[Exempt],
    today: datetime.date,
    *,
    everything: bool,
) -> Verdict:
    """Weigh what was found against the exceptions.

    With `everything` each exception must be needed: what was mended, or is not installed any more, has none. One of
    which the data has never heard is left alone.
    """
    expired = tuple(one for one in exempt if one.until < today)
    valid = [one for one in exempt if one not in expired]
    high = [finding for finding in looked.findings if finding.high]
    lived_with = [(finding, one) for finding in high for one in valid if one.covers(finding)]
    covered = [finding for finding, _ in lived_with]
    return Verdict(
        open=tuple(finding for finding in high if finding not in covered),
        lived_with=tuple(lived_with),
        minor=tuple(finding for finding in looked.findings if not finding.high),
        expired=expired,
        unneeded=tuple(
            one
            for one in valid
            if everything
            and (looked.known is None or one.id in looked.known)
            and not any(one.covers(finding) for finding in high)
        ),
        unknown=looked.unknown,
        places=pins,
    )


def _pin(name: str, version: str) -> Pin:
    return normalized(name), version.partition("+")[0]
