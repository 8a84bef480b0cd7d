"""Settings of the portal, from the environment, read once; runs beside Galaxy."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nebulab import contract, variables
from nebulab.errors import SettingsError
from nebulab.files import private_folder, read_json, write_private
from nebulab.pool.reading import KINDS, Sources, parse
from nebulab.variables import PLACE, Kind, Unusable, setting

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?(?:\s*[KMGT]i?B)?)\s+(.+)")
_KEPT_IN = "settings.json"
_SECRET = "secret"  # noqa: S105 - a file's name
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
EXPIRED_ROLE = "gpu_access_expired"
"""The role of people whose access has ended: by it Galaxy's rules tell them from those who never had any."""


class _Address(Kind):
    allowed = "an address as https://…"

    def read(self, value: str) -> str:
        url = value.strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Unusable("which is no web address")
        if parts.query or parts.fragment or parts.username:
            raise Unusable("which has more than a host and a path")
        return url


class _Issuer(_Address):
    allowed = "the provider's address as https://…, as its discovery document has it as `issuer`"

    def read(self, value: str) -> str:
        url = super().read(value)
        if not is_safe(url):
            raise Unusable("which is not HTTPS")
        # Some end with a slash, and mean it.
        return value.strip()


class _Database(Kind):
    allowed = "sqlite:///FILE or postgresql://USER@HOST/NAME"

    def read(self, value: str) -> str:
        url = value.strip()
        if url.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + url.partition("://")[2]
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise Unusable("which is neither SQLite nor PostgreSQL")
        return url


class _GalaxyDatabase(_Database):
    allowed = "Galaxy's own sqlite:///FILE or postgresql://USER@HOST/NAME"


class _Pool(Kind):
    allowed = f"a list of {KINDS}"

    def read(self, value: str) -> Sources:
        try:
            return parse(value)
        except SettingsError as error:
            raise Unusable(error.message) from None


class _Session(Kind):
    allowed = "what a session gets, as `1 GPU, 7 cores, 20 GB memory, 15 GB GPU memory, 250 GB disk`"

    def read(self, value: str) -> tuple[tuple[str, str], ...]:
        parts = [_AMOUNT.fullmatch(part.strip()) for part in value.split(",") if part.strip()]
        if not all(parts):
            raise Unusable("of which a part is no number with what it counts")
        return tuple((part[2].strip(), part[1].strip()) for part in parts if part)


class _Server(Kind):
    allowed = "smtp://USER@HOST:PORT, or smtps://…"

    def read(self, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise Unusable("which is no mail server")
        if parts.password:
            raise Unusable(
                f"which has a password in it; put that into the file of {contract.PORTAL_SMTP_PASSWORD_FILE}"
            )
        return value.strip()


class _Sender(Kind):
    allowed = "an e-mail address"

    def read(self, value: str) -> str:
        address = value.strip()
        if address.count("@") != 1 or any(each in address for each in ' \r\n<>",;'):
            raise Unusable("which is no e-mail address")
        return address


# eq=False, as for a session: a process has one.
_SHORTEST_KEY = 32
"""Characters of the secret that tickets are signed with."""


@dataclass(frozen=True, eq=False)
class PortalSettings:
    """The settings of the portal; no secret is among them, they lie in files."""

    folder: Path = setting(
        contract.PORTAL_DIR,
        Path("/var/lib/nebulab-portal"),
        kind=PLACE,
        help="The portal's folder: its database, unless that is elsewhere, and its secret.",
    )
    database: str = setting(
        contract.PORTAL_DATABASE,
        "",
        kind=_Database(),
        unset="SQLite in the folder",
        help="Where the portal keeps its data.",
    )
    galaxy: str = setting(
        contract.PORTAL_GALAXY,
        "http://localhost:8080",
        kind=_Address(),
        help="Galaxy's address, as the portal reaches it.",
    )
    galaxy_public: str = setting(
        contract.PORTAL_GALAXY_PUBLIC,
        "",
        kind=_Address(),
        unset="the same",
        help="Galaxy's address in people's browsers.",
    )
    url: str = setting(
        contract.PORTAL_URL,
        "http://localhost:8095",
        kind=_Address(),
        help="The portal's own address in people's browsers: on Galaxy's host name, whose login it shares.",
    )
    host: str = setting(contract.PORTAL_HOST, "127.0.0.1", help="The address that the portal listens on.")
    port: int = setting(contract.PORTAL_PORT, 8095, at_least=1, whole=True, help="The port that the portal listens on.")
    key_file: Path | None = setting(
        contract.PORTAL_KEY_FILE,
        kind=PLACE,
        help="The file, readable by its owner alone, with the API key of a Galaxy administrator.",
    )
    smtp: str = setting(
        contract.PORTAL_SMTP,
        "",
        kind=_Server(),
        unset="none: mails are shown on the portal's page *Mails*",
        help="The mail server. `smtp` uses STARTTLS where the server offers it, `smtps` speaks TLS from the start.",
    )
    smtp_password_file: Path | None = setting(
        contract.PORTAL_SMTP_PASSWORD_FILE,
        kind=PLACE,
        help="The file, readable by its owner alone, with the password of the mail server's user.",
    )
    sender: str = setting(
        contract.PORTAL_FROM,
        "gpu-access@localhost",
        kind=_Sender(),
        help="The address that the portal's mails come from.",
    )
    role: str = setting(
        contract.PORTAL_ROLE, "gpu_access_validated", help="Galaxy's role that the rules for GPUs ask for."
    )
    group: str = setting(
        contract.PORTAL_GROUP,
        "Nebulab GPU access",
        help=f"Galaxy's group with the role, made where it is missing; one more with `(ended)` has `{EXPIRED_ROLE}`.",
    )
    domains_file: Path | None = setting(
        contract.PORTAL_DOMAINS_FILE,
        kind=PLACE,
        help="Your own e-mail domains, a line each: `accept`, `approve` (without reviewer) or `refuse`, and a domain.",
    )
    access_days: int = setting(
        contract.PORTAL_ACCESS_DAYS, 180, at_least=1, whole=True, help="Days that an access lasts by default."
    )
    longest_days: int = setting(
        contract.PORTAL_LONGEST_DAYS, 730, at_least=1, whole=True, help="Days that an access may last at most."
    )
    remind_days: int = setting(
        contract.PORTAL_REMIND_DAYS,
        14,
        at_least=0,
        whole=True,
        help="Days before its end that the mail on renewal is sent.",
    )
    pool: Sources = setting(
        contract.PORTAL_POOL,
        Sources(),
        kind=_Pool(),
        unset="none: there is no page of resources",
        help="Where the page of resources reads machines, GPUs and the queue from; several count together.",
    )
    session: tuple[tuple[str, str], ...] = setting(
        contract.PORTAL_SESSION,
        (),
        kind=_Session(),
        unset="not shown",
        help="What one session gets, for the page of resources.",
    )
    galaxy_database: str = setting(
        contract.PORTAL_GALAXY_DATABASE,
        "",
        kind=_GalaxyDatabase(),
        unset="none: neither GPU hours nor the expected wait are told",
        help="Galaxy's database, which is only read: who used how many GPU hours, and how long jobs waited.",
    )
    job_gpus: int = setting(
        contract.PORTAL_JOB_GPUS,
        0,
        at_least=0,
        whole=True,
        help="GPUs that a session or training counts with where neither its figures nor its destination tell.",
    )
    idle_hours: float = setting(
        contract.PORTAL_IDLE_HOURS,
        4.0,
        at_least=0,
        help="Hours for which a session or job held an idle GPU, from which its user gets a mail at its end; 0: never.",
    )
    metrics_token_file: Path | None = setting(
        contract.PORTAL_METRICS_TOKEN_FILE,
        kind=PLACE,
        unset="none: there is no page `/metrics`",
        help="The file, readable by its owner alone, with the token by which Prometheus reads `/metrics`.",
    )
    oidc: str = setting(
        contract.PORTAL_OIDC,
        "",
        kind=_Issuer(),
        unset="none: Galaxy's own login counts",
        help="The provider of OpenID Connect by which people log in here, for a portal on another host than Galaxy's.",
    )
    oidc_client: str = setting(
        contract.PORTAL_OIDC_CLIENT, "", unset="none", help="The id by which that provider knows the portal."
    )
    oidc_secret_file: Path | None = setting(
        contract.PORTAL_OIDC_SECRET_FILE,
        kind=PLACE,
        unset="none: the portal is a public client of it",
        help="The file, readable by its owner alone, with the secret that the provider gave the portal.",
    )
    oidc_name: str = setting(
        contract.PORTAL_OIDC_NAME, "", unset="its host name", help="What pages call that provider: `Log in with …`."
    )
    oidc_hours: float = setting(
        contract.PORTAL_OIDC_HOURS, 10.0, at_least=0.1, at_most=720, help="Hours that a login by that provider lasts."
    )
    ticket_key_file: Path | None = setting(
        contract.PORTAL_TICKET_KEY_FILE,
        kind=PLACE,
        unset="none: the Lab shows no GPU hours",
        help="The file, readable by its owner alone, with the secret that the rules for TPV sign sessions' tickets by.",
    )
    contact: str = setting(
        contract.PORTAL_CONTACT, "", unset="none", help="Whom people may ask: an e-mail address or a web address."
    )

    @property
    def database_url(self) -> str:
        """Where the data is, as SQLAlchemy names it."""
        return self.database or f"sqlite:///{self._sqlite}"

    @property
    def has_data(self) -> bool:
        """Whether a portal has run with the SQLite file; of another database only asking it tells."""
        return bool(self.database) or self._sqlite.exists()

    @property
    def _sqlite(self) -> Path:
        return self.folder / "portal.sqlite"

    @property
    def galaxy_page(self) -> str:
        """Galaxy's address for links."""
        return self.galaxy_public or self.galaxy

    @property
    def path(self) -> str:
        """The path of the portal's address, before that of each page: nothing, or as `/gpu`."""
        return urlsplit(self.url).path

    @property
    def secure(self) -> bool:
        """Whether people reach the portal by HTTPS."""
        return self.url.startswith("https://")

    @property
    def expired_group(self) -> str:
        """The group of people whose access has ended."""
        return f"{self.group} (ended)"

    @property
    def key(self) -> str:
        """The administrator's API key.

        Raises
        ------
        SettingsError
            There is no file with it, or others may read it.
        """
        if self.key_file is None:
            raise SettingsError(
                "The portal has no API key of a Galaxy administrator.",
                f"Put one into a file, `chmod 600` it, and name it in {contract.PORTAL_KEY_FILE}.",
            )
        return secret_of(self.key_file, contract.PORTAL_KEY_FILE)

    @property
    def metrics_token(self) -> str:
        """The token of the page `/metrics`, or nothing."""
        if self.metrics_token_file is None:
            return ""
        return secret_of(self.metrics_token_file, contract.PORTAL_METRICS_TOKEN_FILE)

    @property
    def oidc_secret(self) -> str:
        """The secret by which the provider of logins knows the portal, or nothing."""
        if self.oidc_secret_file is None:
            return ""
        return secret_of(self.oidc_secret_file, contract.PORTAL_OIDC_SECRET_FILE)

    @property
    def provider(self) -> str:
        """What people are told of the provider of logins; nothing where Galaxy's login counts."""
        return self.oidc_name or urlsplit(self.oidc).hostname or ""

    @property
    def ticket_key(self) -> str:
        """The secret of sessions' tickets, or nothing."""
        if self.ticket_key_file is None:
            return ""
        key = secret_of(self.ticket_key_file, contract.PORTAL_TICKET_KEY_FILE)
        if len(key) < _SHORTEST_KEY:
            raise SettingsError(
                f"{contract.PORTAL_TICKET_KEY_FILE}: the secret in {self.ticket_key_file} can be guessed.",
                f"Make one of {_SHORTEST_KEY} characters or more: openssl rand -hex 32",
            )
        return key

    def check_secrets(self) -> int:
        """Read the secrets of what is read at a request only, and return how many there are.

        Raises
        ------
        SettingsError
            One of them can't be used.
        """
        return len([each for each in (self.ticket_key, self.metrics_token) if each])

    @property
    def smtp_password(self) -> str:
        """The password of the mail server's user, or nothing."""
        if self.smtp_password_file is None:
            return ""
        return secret_of(self.smtp_password_file, contract.PORTAL_SMTP_PASSWORD_FILE)


def is_safe(url: str) -> bool:
    """Whether what is sent to an address can't be read on the way: by HTTPS, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)


def read(environment: Mapping[str, str] | None = None) -> PortalSettings:
    """Read the settings.

    Raises
    ------
    SettingsError
        A value can't be used; the message names its variable.
    """
    return PortalSettings(**variables.read(PortalSettings, os.environ if environment is None else environment))


def keep(settings: PortalSettings, environment: Mapping[str, str] | None = None) -> None:
    """Write the variables of a portal that begins to serve into its folder, for commands in terminals without them."""
    environment = os.environ if environment is None else environment
    names = [each.name for each in variables.declared(PortalSettings).values()]
    known = {name: environment[name] for name in names if name in environment}
    write_private(settings.folder / _KEPT_IN, json.dumps(known, indent=2))


def read_kept(environment: Mapping[str, str] | None = None) -> PortalSettings:
    """Read the settings as the portal of the same folder had them when it began to serve, where this one has none.

    Raises
    ------
    SettingsError
        As `read`.
    """
    environment = os.environ if environment is None else environment
    kept = read_json(read(environment).folder / _KEPT_IN)
    return read({**{name: str(value) for name, value in kept.items()}, **environment})


def own_secret(settings: PortalSettings) -> bytes:
    """Return the secret of the portal itself, in its folder, which is made at the first start."""
    path = private_folder(settings.folder) / _SECRET
    if not path.is_file():
        write_private(path, secrets.token_hex(32))
    return path.read_bytes()


def secret_of(path: Path, variable: str) -> str:
    """Return the secret in a file that its owner alone may read, or that systemd keeps for its service.

    Raises
    ------
    SettingsError
        The file can't be read, is empty, or others may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"{variable}: {path} can't be read ({error.strerror}).", "Name a file with the secret."
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {path} is no text.", "Write the secret as letters and digits.") from None
    if mode & 0o077 and not _is_credential(path):
        raise SettingsError(f"{variable}: others may read {path} (mode {mode:04o}).", f"chmod 600 {path}")
    if not secret:
        raise SettingsError(f"{variable}: {path} is empty.", "Write the secret into it.")
    return secret


def _is_credential(path: Path) -> bool:
    """Whether a file is a credential of systemd's, which lets this service alone into the folder.

    Since systemd 254 it has an ACL for the service's user; the mode shows its mask as the group's rights (issue 29435).
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(folder).is_absolute() and path.resolve().is_relative_to(Path(folder).resolve())
