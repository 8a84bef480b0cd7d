"""The settings of the predecessor's image: read as it read them, and refused where they can't be meant."""

from __future__ import annotations

import pytest

from nebulab.errors import SettingsError
from nebulab.session import page
from nebulab.session.page import Page


@pytest.mark.parametrize("environment", [{}, {"PROXY_PREFIX": "", "CORS_ORIGIN": "none", "NOTEBOOK_PASSWORD": "none"}])
def test_none_means_not_set(environment: dict[str, str]) -> None:
    assert page.read(environment) == Page("/", "", "")


@pytest.mark.parametrize("prefix", ["/hub/user", "/hub/user/"])
def test_the_lab_lies_below_the_proxys_path(prefix: str) -> None:
    assert page.read({"PROXY_PREFIX": prefix}).base_url == "/hub/user/ipython/"


@pytest.mark.parametrize("prefix", ["hub", "/a b", "https://elsewhere", "/a/../b?x", "//elsewhere"])
def test_a_prefix_that_is_no_path_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="PROXY_PREFIX"):
        page.read({"PROXY_PREFIX": prefix})


def test_one_origin_may_talk_to_the_lab() -> None:
    assert page.read({"CORS_ORIGIN": "https://usegalaxy.example"}).origin == "https://usegalaxy.example"


@pytest.mark.parametrize("origin", ["*", "usegalaxy.example", "https://a.example/path", "ftp://a.example"])
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="CORS_ORIGIN"):
        page.read({"CORS_ORIGIN": origin})


def test_the_password_does_not_show() -> None:
    found = page.read({"NOTEBOOK_PASSWORD": "s3cret"})
    assert found.password == "s3cret"
    assert "s3cret" not in repr(found)
