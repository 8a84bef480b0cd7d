"""What a session may reach: an address that is not the internet's is refused, however written or named."""

from __future__ import annotations

import ipaddress
import re

import pytest

from nebulab.door.policy import Address, Allowed, Policy, Resolve, own_addresses, split_authority, why_not
from nebulab.errors import Refused, SettingsError

NOBODY: frozenset[Address] = frozenset()

INTERNET = ["1.1.1.1", "8.8.8.8", "151.101.0.223", "2606:4700:4700::1111", "2a04:4e42::223", "64:ff9b::101:101"]

NOT_THE_INTERNET = [
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "::1", "::"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "198.18.0.1"),
    *("fc00::1", "fd00:ec2::254", "fec0::1"),
    *("169.254.169.254", "169.254.0.23", "fe80::1", "168.63.129.16", "192.0.0.192"),
    *("224.0.0.1", "239.1.2.3", "ff02::1", "240.0.0.1", "255.255.255.255"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "2001:db8::1", "3fff::1"),
    # The same, written as the sixth version: mapped, by NAT64, by 6to4, by Teredo, compatible, local NAT64.
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:168.63.129.16"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "::127.0.0.1", "::8.8.8.8", "64:ff9b:1::808:808", "100::1", "4000::1"),
]


@pytest.mark.parametrize("address", INTERNET)
def test_the_internet_is_open(address: str) -> None:
    assert why_not(ipaddress.ip_address(address)) == ""


@pytest.mark.parametrize("address", NOT_THE_INTERNET)
def test_everything_else_is_not(address: str) -> None:
    assert why_not(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
)
def test_a_metadata_service_is_called_by_its_name(address: str) -> None:
    assert "metadata" in why_not(ipaddress.ip_address(address))


def resolving(*answers: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        return list(answers)

    return resolve


async def test_a_name_is_what_it_resolves_to() -> None:
    policy = Policy(resolve=resolving("10.0.0.1"), own=lambda: NOBODY)
    with pytest.raises(Refused, match=r"innocent\.example is not open to sessions: 10\.0\.0\.1 is a private") as error:
        await policy.addresses("innocent.example", 443)
    assert "--allow" in error.value.hint


async def test_of_several_addresses_the_open_ones_are_taken() -> None:
    policy = Policy(resolve=resolving("10.0.0.1", "8.8.8.8", "fe80::1%eth0"), own=lambda: NOBODY)
    assert await policy.addresses("both.example", 443) == ["8.8.8.8"]


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """It is asked once, and what was judged is what is connected to."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0)

    policy = Policy(resolve=resolve, own=lambda: NOBODY)
    assert await policy.addresses("rebinding.example", 80) == ["8.8.8.8"]
    assert len(answers) == 1
    with pytest.raises(Refused):
        await policy.addresses("rebinding.example", 80)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "LOCALHOST.", "::1"]
)
async def test_this_machine_in_every_spelling_that_the_system_reads(host: str) -> None:
    with pytest.raises(Refused):
        await Policy().addresses(host, 80)


async def test_a_public_address_of_this_machine_is_refused() -> None:
    own = frozenset({ipaddress.ip_address("8.8.8.8")})
    for spelling in ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        policy = Policy(resolve=resolving(spelling), own=lambda: own)
        with pytest.raises(Refused, match="this machine"):
            await policy.addresses("me.example", 22)


def test_this_machines_addresses_are_known() -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()


@pytest.mark.parametrize("host", ["", "a" * 254, "a b\n", "fe80::1%eth0"])
async def test_what_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        await Policy(resolve=resolving("8.8.8.8")).addresses(host, 80)


@pytest.mark.parametrize(
    ("allowed", "host", "address", "port"),
    [
        ("mirror.example.org", "Mirror.Example.Org.", "10.0.0.1", 443),
        (".example.org", "a.b.example.org", "10.0.0.1", 443),
        ("mirror.example.org:8443", "mirror.example.org", "10.0.0.1", 8443),
        ("10.1.0.0/16", "any.example", "10.1.2.3", 443),
        ("10.1.0.0/16:443", "any.example", "10.1.2.3", 443),
        ("[fd00::1]:443", "any.example", "fd00::1", 443),
        ("fd00::/8", "any.example", "fd00::1", 443),
        ("localhost:3128", "localhost", "127.0.0.1", 3128),
    ],
)
async def test_what_an_administrator_allows_is_open(allowed: str, host: str, address: str, port: int) -> None:
    policy = Policy([Allowed.read(allowed)], resolve=resolving(address), own=lambda: NOBODY)
    assert await policy.addresses(host, port) == [address]


@pytest.mark.parametrize(
    ("allowed", "host", "address", "port"),
    [
        ("mirror.example.org", "other.example.org", "10.0.0.1", 443),
        ("mirror.example.org", "mirror.example.org.evil.example", "10.0.0.1", 443),
        (".example.org", "badexample.org", "10.0.0.1", 443),
        ("mirror.example.org:8443", "mirror.example.org", "10.0.0.1", 22),
        ("10.1.0.0/16", "any.example", "10.2.0.1", 443),
        ("10.1.0.0/16:443", "any.example", "10.1.2.3", 22),
        ("10.1.0.0/16", "any.example", "::ffff:10.1.2.3", 443),
    ],
)
async def test_and_nothing_beside_it(allowed: str, host: str, address: str, port: int) -> None:
    policy = Policy([Allowed.read(allowed)], resolve=resolving(address), own=lambda: NOBODY)
    with pytest.raises(Refused):
        await policy.addresses(host, port)


@pytest.mark.parametrize("text", ["", ":443", "host:0", "host:99999", "host:x", "10.0.0.0/99", "a b", "http://host"])
def test_what_allows_nothing_is_told(text: str) -> None:
    with pytest.raises(SettingsError):
        Allowed.read(text)


def test_authorities() -> None:
    assert split_authority("host:80") == ("host", 80)
    assert split_authority("[::1]:80") == ("::1", 80)
    assert split_authority("host", 80) == ("host", 80)
    for text in ("host", "host:", "host:0", "host:65536", "host:8x", ":80", "host:٨"):
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$|invalid literal"):
            split_authority(text)
