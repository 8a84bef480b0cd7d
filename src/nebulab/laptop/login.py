"""Login to a person's Galaxy: the API key, checked and kept, and the history of their notebooks; runs in a terminal."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console

from nebulab.errors import DatasetNotFound, GalaxyAway, GalaxyError, NotAllowed, SettingsError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.settings import GalaxySettings
from nebulab.laptop.keys import Keys

VARIABLE = "API_KEY"
"""The environment variable of a key for this Lab, which is not kept."""

_TRIES = 3
_PATIENCE_SECONDS = 8.0
_ID = re.compile(r"[0-9a-f]{16,}")
_MANY = 10


@dataclass(frozen=True)
class Login:
    """A person on a Galaxy; without a history `history_id` is empty."""

    url: str
    user: str
    key: str = field(repr=False)
    history_id: str = ""
    history: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether the Galaxy is on this machine's loopback, which no container can reach."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def address(text: str) -> str:
    """Return a Galaxy's address in canonical form; the default scheme is https.

    Raises
    ------
    SettingsError
        It is no web address.
    """
    url = text.strip()
    url = url if "://" in url else f"https://{url}"
    unusable = SettingsError(
        f"{text!r} is no address of a Galaxy.", "Give what your browser shows: https://usegalaxy.eu"
    )
    try:
        parts = urlsplit(url)
    except ValueError:  # as of `https://[::1/x`
        raise unusable from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise unusable
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def at_terminal(
    galaxy: str | None, history: str | None, environment: Mapping[str, str], console: Console
) -> Login | None:
    """Log in with the command line's options, and ask for the key if there is a terminal; None without a Galaxy.

    Raises
    ------
    SettingsError
        A history was named and no Galaxy; for others see `log_in`.
    """
    if galaxy is None:
        if history is not None:
            raise SettingsError("--history names a history of no Galaxy.", "Say which: --galaxy https://…")
        return None
    login = log_in(
        address(galaxy),
        history,
        keys=Keys(),
        environment=environment,
        ask=_prompt if sys.stdin.isatty() else None,
        tell=lambda sentence: console.print(sentence, soft_wrap=True),
    )
    where = f"history {login.history!r}" if login.history_id else "no history yet: make one in Galaxy, then start again"
    console.print(f"{login.user} at {login.url}, {where}", soft_wrap=True, markup=False)
    return login


def forget(galaxy: str | None, keys: Keys | None = None) -> str:
    """Remove the key for a Galaxy from the keyring, and return a message for the person.

    Raises
    ------
    SettingsError
        No Galaxy was named, or the keyring does not work.
    """
    if galaxy is None:
        raise SettingsError("--forget removes the key of no Galaxy.", "Say which: --galaxy https://…")
    url = address(galaxy)
    keys = keys or Keys()
    removed = keys.forget(url)
    if keys.trouble:
        raise SettingsError(f"No key was removed: {keys.trouble}.", "Without a keyring Nebulab keeps no key at all.")
    return f"The key for {url} was removed from the keyring." if removed else f"The keyring has no key for {url}."


def log_in(
    url: str,
    history: str | None,
    *,
    keys: Keys,
    environment: Mapping[str, str],
    ask: Callable[[str], str] | None,
    tell: Callable[[str], None],
) -> Login:
    """Find the key, check it with the Galaxy, keep it, and choose the history.

    Parameters
    ----------
    url
        As `address` returned it.
    history
        Its name or id; None takes the one that was used last.
    environment
        Read for API_KEY.
    ask
        Prompts the person for a key, hidden; None without a terminal.
    tell
        Prints a sentence for the person.

    Raises
    ------
    NotAllowed
        The key is wrong.
    GalaxyError, GalaxyAway
        There is no Galaxy at this address, or it does not answer.
    SettingsError
        There is no key and nobody to ask, or no such history, or several.
    """
    if urlsplit(url).scheme == "http" and not Login(url, "", "").on_loopback:
        tell(f"{url} is no https address: the key and the data travel readable by others.")
    user, key = _authenticate(url, keys=keys, environment=environment, ask=ask, tell=tell)
    with _connection(url, key) as galaxy:
        chosen = _history(galaxy, history)
    name = str(user.get("email") or user.get("username") or user["id"])
    return Login(url, name, key, str(chosen.get("id", "")), str(chosen.get("name", "")))


def _authenticate(
    url: str,
    *,
    keys: Keys,
    environment: Mapping[str, str],
    ask: Callable[[str], str] | None,
    tell: Callable[[str], None],
) -> tuple[dict[str, Any], str]:
    """Return Galaxy's record of the person, and a valid key: from the environment, the keyring, or a prompt."""
    from_environment = environment.get(VARIABLE, "").strip()
    if from_environment:
        try:
            return _user(url, from_environment), from_environment
        except NotAllowed as error:
            raise NotAllowed(f"{error.message} It comes from {VARIABLE}.", error.hint, error.status) from error
    kept = keys.read(url)
    if kept:
        try:
            return _user(url, kept), kept
        except NotAllowed:
            tell(f"The key in the keyring is no longer good for {url}: it was removed.")
            keys.forget(url)
    if keys.trouble:
        tell(f"The key can't be kept, since {keys.trouble}: it is asked for each time, unless {VARIABLE} has it.")
    if ask is None:
        raise SettingsError(
            f"There is no API key for {url}, and nobody to ask.",
            f"Set {VARIABLE}, or start nebulab lab in a terminal once: it asks, and the keyring keeps it.",
        )
    tell(f"{url} shows your API key at {url}/user/api_key (User > Preferences > Manage API key).")
    user, key = _prompt_until_valid(url, ask, tell)
    if keys.keep(url, key):
        tell("The key is in the system's keyring now. `nebulab lab --forget --galaxy …` removes it.")
    return user, key


def _prompt(url: str) -> str:
    return str(click.prompt(f"API key for {url} (not shown)", hide_input=True, err=True))


def _prompt_until_valid(url: str, ask: Callable[[str], str], tell: Callable[[str], None]) -> tuple[dict[str, Any], str]:
    for _ in range(_TRIES - 1):
        key = ask(url).strip()
        try:
            return _user(url, key), key
        except NotAllowed as error:
            tell(error.message)
    key = ask(url).strip()
    return _user(url, key), key


def _connection(url: str, key: str) -> Galaxy:
    return Galaxy(GalaxySettings(url, key, patience=_PATIENCE_SECONDS, timeout=_PATIENCE_SECONDS))


def _user(url: str, key: str) -> dict[str, Any]:
    """Return Galaxy's record of the key's user."""
    refused = NotAllowed(
        f"{url} does not know this API key.", f"Look it up at {url}/user/api_key; a new one ends the old."
    )
    if not key or not key.isascii() or not key.isprintable():
        raise refused
    with _connection(url, key) as galaxy:
        try:
            user = galaxy.get("users/current")
        except NotAllowed as error:
            raise refused from error
        except GalaxyAway as error:
            reason = str(error.__cause__ or "") or error.message
            raise GalaxyAway(
                f"{url} does not answer: {reason}.", "Is the address that of your browser, and is the network up?"
            ) from error
        except GalaxyError as error:
            raise GalaxyError(
                f"There is no Galaxy at {url}: {error.message}",
                "Give the address that your browser shows for Galaxy, without what follows a `/?`.",
                error.status,
            ) from error
    if not isinstance(user, dict) or not user.get("id"):
        raise refused
    return user


def _history(galaxy: Galaxy, wanted: str | None) -> dict[str, Any]:
    """Return the history `wanted`, else the one used last; nothing if the account has none."""
    if wanted is None:
        latest = galaxy.get("histories/most_recently_used")
        return latest if isinstance(latest, dict) else {}
    same: list[dict[str, Any]] = galaxy.get("histories", q=["name-eq", "deleted"], qv=[wanted, "False"])
    if len(same) == 1:
        return same[0]
    if len(same) > 1:
        lines = [f"  {history['id']}  last used {history.get('update_time', '')[:16]}" for history in same[:_MANY]]
        hint = "\n".join(["Give the id of one:", *lines])
        raise SettingsError(f"{len(same)} histories are called {wanted!r}.", hint)
    if _ID.fullmatch(wanted):
        try:
            history = galaxy.get(f"histories/{wanted}")
        except (DatasetNotFound, NotAllowed):
            history = None
        if isinstance(history, dict) and not history.get("deleted"):
            return history
    raise SettingsError(f"You have no history {wanted!r}.", "Give its name as Galaxy shows it, or its id.")
