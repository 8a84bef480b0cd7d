"""A Git repository cloned from an address that nobody vouches for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from nebulab.errors import RepositoryError
from nebulab.session.inputs.repository import check_address, check_reference, clone, folder_name
from support.git import serve

SCHEMES = ("https", "ssh")


def plain(argv: Sequence[str], variables: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str]]:
    return argv, variables


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a small repository's server."""
    with serve(tmp_path) as address:
        yield address


def cloned(address: str, into: Path, reference: str = "", seconds: float = 60) -> Path:
    into.mkdir(exist_ok=True)
    return clone(
        address,
        reference,
        into,
        schemes=("http",),
        seconds=seconds,
        environment={"PATH": os.environ["PATH"], "HOME": str(into)},
        sandboxed=plain,
    )


def test_a_repository_is_cloned_at_its_default_branch(served: str, tmp_path: Path) -> None:
    folder = cloned(f"{served}/open/thing.git", tmp_path / "work")
    assert folder == tmp_path / "work" / "thing"
    assert sorted(path.name for path in folder.iterdir()) == [".git", "analysis.ipynb"]


@pytest.mark.parametrize(("reference", "has_two"), [("wip/two", True), ("v1", False)])
def test_a_branch_or_a_tag_can_be_named(served: str, tmp_path: Path, reference: str, has_two: bool) -> None:
    folder = cloned(f"{served}/open/thing.git", tmp_path / "work", reference)
    assert (folder / "two.txt").exists() is has_two


@pytest.mark.parametrize(
    ("path", "reference", "told"),
    [
        ("/open/none.git", "", "no repository at"),
        ("/private/thing.git", "", "needs a log-in"),
        ("/open/thing.git", "none", "no branch or tag 'none'"),
    ],
)
def test_what_is_wrong_is_told(served: str, tmp_path: Path, path: str, reference: str, told: str) -> None:
    with pytest.raises(RepositoryError, match=told):
        cloned(f"{served}{path}", tmp_path / "work", reference)
    assert not list((tmp_path / "work").iterdir())


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path, unused_tcp_port: int) -> None:
    with pytest.raises(RepositoryError, match="could not be cloned"):
        cloned(f"http://127.0.0.1:{unused_tcp_port}/a/b", tmp_path / "work")


def test_a_slow_server_is_given_up(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(RepositoryError, match="not cloned within"):
            cloned(f"http://127.0.0.1:{port}/a/b", tmp_path / "work", seconds=1)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/owner/name",
        "https://host.example:8443/a/b.git",
        "ssh://git@host.example/owner/name.git",
        "git@github.com:owner/name.git",
    ],
)
def test_addresses_of_the_web_and_of_ssh_pass(address: str) -> None:
    assert check_address(address, SCHEMES) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/etc",
        "../other",
        "file:///etc",
        "http://host.example/a/b",
        "git://host.example/a/b",
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "--upload-pack=touch /tmp/x",
        "-u",
        "ssh://-oProxyCommand=touch/x",
        "ssh://-oProxyCommand=x@host.example/a",
        "-oProxyCommand=x@host.example:a",
        "git@-oProxyCommand=x:a",
        "git@host.example:-x",
        "https://user:password@host.example/a/b",
        "https://token@host.example/a/b",
        "https://host.example/",
        "https:///a/b",
        "https://[::1/x",
        "https://ex\u2100mple.org/a/b",
        "https://host.example/a b",
        "https://host.example/a\nb",
    ],
)
def test_everything_else_is_refused_before_git_sees_it(address: str) -> None:
    with pytest.raises(RepositoryError):
        check_address(address, SCHEMES)


def test_a_refused_password_is_not_repeated() -> None:
    with pytest.raises(RepositoryError) as refused:
        check_address("https://user:hunter2@host.example/a/b", SCHEMES)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("reference", ["--upload-pack=x", "-b", "a b", "a..b", "a;b", "$(x)", "a\nb"])
def test_a_reference_is_a_name(reference: str) -> None:
    with pytest.raises(RepositoryError):
        check_reference(reference)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://host.example/a/name.git", "name"),
        ("https://host.example/a/name/", "name"),
        ("git@host.example:name.git", "name"),
        ("https://host.example/a/outputs", "repository_outputs"),
        ("https://host.example/a/..", "repository_"),
        ("https://host.example/a/.git", "repository_"),
        ("https://host.example/a/-x", "x"),
    ],
)
def test_the_folders_name_is_harmless(address: str, name: str) -> None:
    assert folder_name(address) == name
