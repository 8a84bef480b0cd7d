"""The upstream proxy: the one that this machine itself must use, by its environment; runs in the door.

A session's connections then go through it too. Names are judged here if they can be resolved, and by that proxy in any
case: it resolves them again.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from nebulab.errors import SettingsError


@dataclass(frozen=True)
class Proxy:
    """The host and port of a proxy, and the value of the Proxy-Authorization header."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @classmethod
    def read(cls, address: str) -> Proxy:
        """Parse `http://user:password@host:port`.

        Raises
        ------
        SettingsError
            It is no such address.
        """
        unusable = SettingsError(
            "This machine's proxy can't be used for sessions.", "Give it as http://host:port in HTTPS_PROXY."
        )
        try:
            parts = urlsplit(address if "://" in address else f"http://{address}")
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            raise unusable from None
        if parts.scheme != "http" or not host:
            raise unusable
        if parts.username is None:
            return cls(host, port)
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(host, port, f"Basic {base64.b64encode(login.encode()).decode()}")


@dataclass(frozen=True)
class Upstream:
    """The values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

    plain: Proxy | None = None
    tunnels: Proxy | None = None
    bypass: str = ""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Upstream:
        """Read the environment; lower-case names take precedence.

        Raises
        ------
        SettingsError
            A proxy's address can't be used.
        """

        def of(name: str) -> str:
            return environ.get(name) or environ.get(name.upper()) or ""

        plain, tunnels = of("http_proxy"), of("https_proxy")
        return cls(Proxy.read(plain) if plain else None, Proxy.read(tunnels) if tunnels else None, of("no_proxy"))

    def proxy(self, host: str, port: int, *, tunnel: bool) -> Proxy | None:
        """Return the proxy to take to `host`, or None where the way is direct."""
        proxy = self.tunnels if tunnel else self.plain
        return None if proxy is None or self._is_direct(host.lower(), port) else proxy

    def _is_direct(self, host: str, port: int) -> bool:
        for entry in self.bypass.lower().split(","):
            name = entry.strip().removesuffix(f":{port}").removeprefix(".")
            if name and (name == "*" or host == name or host.endswith(f".{name}")):
                return True
        return False
