"""The stack's secrets: keys, and the two accounts of the first start; runs on one machine."""

from __future__ import annotations

import json
import secrets as random
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nebulab.files import private_folder, read_json, write_private
from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings


@dataclass(frozen=True)
class Account:
    """Somebody who can log in; `key` is empty until Galaxy gave one."""

    name: str
    email: str
    password: str = field(repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Secrets:
    """All secrets of a stack; `told` says whether the passwords were printed."""

    admin: Account
    user: Account
    bootstrap_key: str = field(repr=False)
    id_secret: str = field(repr=False)
    told: bool = False


def load(path: Path) -> Secrets:
    """Read the secrets in `path`, or make them at the first start."""
    kept = read_json(path)
    if kept:
        return Secrets(admin=Account(**kept.pop("admin")), user=Account(**kept.pop("user")), **kept)
    made = Secrets(
        admin=_new_account("admin"),
        user=_new_account("user"),
        bootstrap_key=random.token_hex(32),
        # Galaxy makes Blowfish keys of it and a suffix; they hold 56 bytes.
        id_secret=random.token_hex(16),
    )
    save(path, made)
    return made


def save(path: Path, secrets: Secrets) -> None:
    """Write the secrets to `path`, readable by the owner alone."""
    private_folder(path.parent)
    write_private(path, json.dumps(asdict(secrets), indent=2))


def create_missing(path: Path, galaxy_url: str) -> None:
    """Make the accounts that Galaxy does not have yet, and keep their API keys; blocks.

    Raises
    ------
    GalaxyError, GalaxyAway
        Galaxy refused or did not answer.
    """
    kept = load(path)
    if kept.admin.key and kept.user.key:
        return
    galaxy = Administration(GalaxySettings(galaxy_url, kept.bootstrap_key))
    with galaxy:
        kept = replace(kept, admin=_with_key(galaxy, kept.admin))
        save(path, kept)
        save(path, replace(kept, user=_with_key(galaxy, kept.user)))


def tell_once(path: Path) -> Secrets | None:
    """Return the secrets if their passwords were never printed, and note that they are now; else None."""
    kept = load(path)
    if kept.told:
        return None
    save(path, replace(kept, told=True))
    return kept


def _with_key(galaxy: Administration, account: Account) -> Account:
    if account.key:
        return account
    user = galaxy.create_user(account.name, account.email, account.password)
    return replace(account, key=galaxy.create_key(user))


def _new_account(name: str) -> Account:
    return Account(name=name, email=f"{name}@example.org", password=random.token_urlsafe(12))
