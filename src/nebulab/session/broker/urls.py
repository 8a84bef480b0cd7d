"""Addresses inside a request, which Galaxy would ask or write to with its own hands; runs in the session."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from nebulab.session.broker.refusals import refused

_HINT = "Read it in the notebook and upload it: put(…)."
# `zip:` and the schemes of file sources (`gxfiles:` …) are left out: they reach further than a web address.
_SCHEMES = frozenset({"http", "https", "ftp", "ftps", "drs", "s3", "gs", "base64"})
_WITH_HOST = frozenset({"http", "https", "ftp", "ftps", "drs"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.ASCII | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+", re.ASCII)
_STORE = re.compile(r"\s*gx[a-z]*://", re.IGNORECASE)
_OLD_IPV4 = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}\.?")
_LOCAL_ENDINGS = (".localhost", ".localdomain", ".local", ".internal", ".lan", ".home.arpa")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_store(text: str) -> bool:
    """Whether a text is the address of a file source of Galaxy's, which is reached with stored credentials."""
    return _STORE.match(text) is not None


def is_address(text: str) -> bool:
    """Whether a text begins as an address does: with a scheme and two slashes, or with `file:`."""
    return _ADDRESS.match(text.lstrip()) is not None


def judge_address(name: str, address: str) -> None:
    """Let the address of something on the web pass, and what is no address at all.

    Names of hosts are not resolved: Galaxy does that when it asks, and for http and https looks where they lead.

    Raises
    ------
    NotAllowed
        It leads to a file of the server, to another store, or into the server's own network.
    """
    plain = address.strip()
    # Some libraries leave out what is no sign of an address, before they read its scheme.
    if plain != _CONTROL.sub("", plain) and is_address(_CONTROL.sub("", plain)):
        raise refused(f"{name} has signs that an address can't have", "Percent-encode them.")
    found = _SCHEME.match(plain)
    if found is None:
        return
    scheme = found[1].lower()
    if scheme not in _SCHEMES:
        raise refused(f"{name} is no web address ({scheme}:)", _HINT)
    if scheme not in _WITH_HOST:
        return
    if re.search(r"[ \\]", plain):
        raise refused(f"{name} has signs that an address can't have", "Percent-encode them.")
    try:
        host = urlsplit(plain).hostname or ""
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host):
        raise refused(f"{name} names no host", "Write the address in full.")
    if is_local(host):
        raise refused(f"{name} leads into the server's own network ({host})", _HINT)


def is_local(host: str) -> bool:
    """Whether a host, in small letters, is a name or an address of a machine's own network."""
    host = host.rstrip(".")
    address = _ip(host)
    if address is None:
        return "." not in host or host.endswith(_LOCAL_ENDINGS)
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_local(str(inside))
    return not address.is_global or address.is_multicast


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is written as; `127.1`, `0x7f.1` and `2130706433` are one to the C library."""
    if _OLD_IPV4.fullmatch(host):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
