"""The policy on destinations: a session may reach public addresses, and those that an administrator allows; runs in the
door.

Names are not trusted: a name is resolved here, each of its addresses is judged, and the connection goes to one of them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import psutil

from nebulab.errors import Refused, SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_INTERNET_6 = ipaddress.IPv6Network("2000::/3")
# A public address that the host of a virtual machine answers: Azure's metadata and agent.
_OF_CLOUDS = frozenset({ipaddress.IPv4Address("168.63.129.16")})
# Networks in IANA's special-purpose registries that some versions of Python count as global.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_LONGEST_NAME = 253
HINT = "Whoever runs this Galaxy can open it: --allow HOST of `nebulab up` or `nebulab door`."


@dataclass(frozen=True)
class Allowed:
    """One destination that an administrator allows: a network, or a name (with a leading dot: its subdomains)."""

    network: Network | None = None
    name: str = ""
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> Allowed:
        """Parse `10.1.0.0/16`, `mirror.example.org`, `.example.org`, each with `:PORT` or without.

        Raises
        ------
        SettingsError
            It is none of them.
        """
        host, port = _split(text.strip())
        number = int(port) if port.isascii() and port.isdecimal() else None
        if not host or (port and not (number and number < 2**16)):
            raise SettingsError(f"{text!r} allows nothing.", "Give a host, a network or either with a port.")
        try:
            return cls(network=ipaddress.ip_network(host, strict=False), port=number)
        except ValueError:
            name = host.lower().rstrip(".")
            if "/" in name or " " in name or ":" in name:
                raise SettingsError(
                    f"{text!r} is neither a host nor a network.", "Write 10.1.0.0/16, [fd00::1]:443 or mirror.org:443."
                ) from None
            return cls(name=name, port=number)

    def covers_name(self, host: str, port: int) -> bool:
        """Whether the name itself is allowed, whatever its addresses are."""
        if not self.name or self.port not in {None, port}:
            return False
        return host == self.name or (self.name.startswith(".") and host.endswith(self.name))

    def covers(self, address: Address, port: int) -> bool:
        """Whether the address is in the network that is allowed."""
        return self.network is not None and self.port in {None, port} and address in self.network


class Policy:
    """Decides on destinations; `resolve` returns a name's addresses, `own` those of this machine."""

    def __init__(
        self,
        allowed: Iterable[Allowed] = (),
        *,
        resolve: Resolve | None = None,
        own: Callable[[], frozenset[Address]] | None = None,
    ) -> None:
        self._allowed = tuple(allowed)
        self._resolve = resolve or system_resolve
        self._own = own or own_addresses

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host` to which a session may be connected, and to no others.

        Raises
        ------
        Refused
            There is none.
        OSError
            The name can't be resolved.
        """
        host = host.lower().rstrip(".")
        if not host or len(host) > _LONGEST_NAME or not host.isprintable() or "%" in host:
            raise Refused("It is no host's name.")
        resolved = await self._resolve(host, port)
        if any(rule.covers_name(host, port) for rule in self._allowed):
            return resolved
        reasons: dict[str, str] = {}
        own = self._own()
        for text in resolved:
            address = ipaddress.ip_address(text.partition("%")[0])
            if any(rule.covers(address, port) for rule in self._allowed):
                continue
            reason = "an address of this machine" if _plain(address) in own else why_not(address)
            if reason:
                reasons[text] = reason
        permitted = [text for text in resolved if text not in reasons]
        if not permitted:
            why = "; ".join(f"{text} is {reason}" for text, reason in reasons.items())
            raise Refused(f"{host} is not open to sessions: {why or 'it has no address'}.", HINT)
        return permitted


def why_not(address: Address) -> str:
    """Return the reason for which an address is refused, or nothing for a public one."""
    inner = _plain(address)
    if inner != address and isinstance(inner, ipaddress.IPv4Address):
        reason = why_not(inner)
        return reason and f"{reason} ({inner}) in another form"
    if inner in _OF_CLOUDS or inner.is_link_local:
        return "link-local, or a cloud's metadata service"
    for fact, reason in (
        (inner.is_loopback, "this machine's own loopback"),
        (inner.is_unspecified, "no address of anybody"),
        (inner.is_multicast, "a multicast address"),
        (inner.is_private, "a private address"),
        (inner.is_reserved, "a reserved address"),
        (not inner.is_global or any(inner in network for network in _SPECIAL), "not an address of the internet"),
        (isinstance(inner, ipaddress.IPv6Address) and inner not in _INTERNET_6, "not an address of the internet"),
    ):
        if fact:
            return reason
    return ""


def _plain(address: Address) -> Address:
    """Return the IPv4 address that is embedded in an IPv6 one (mapped, NAT64, 6to4), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return address


def own_addresses() -> frozenset[Address]:
    """Return this machine's addresses: a service on all interfaces could be reached by a public one of them."""
    own = set()
    for interface in psutil.net_if_addrs().values():
        for entry in interface:
            if entry.family in {socket.AF_INET, socket.AF_INET6}:
                own.add(_plain(ipaddress.ip_address(entry.address.partition("%")[0])))
    return frozenset(own)


async def system_resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host` by getaddrinfo, which reads numeric forms (`0x7f.1`) as other programs do."""
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Refused("It is no host's name.") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def split_authority(text: str, default: int | None = None) -> tuple[str, int]:
    """Return host and port of `host:port` or `[address]:port`.

    Raises
    ------
    ValueError
        There is no such host or port.
    """
    host, port = _split(text)
    if not port and default is not None:
        return host, default
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(text)
    return host, int(port)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    # An IPv6 address has several colons, and no port without brackets.
    host, _, port = text.partition(":")
    return (text, "") if ":" in port else (host, port)
