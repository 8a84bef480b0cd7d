"""The portal as a server runs it: behind nginx on Galaxy's host name, and its services as systemd reads them."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support import portal
from support.applicants import written
from support.fake_accounts import KEY, FakeAccounts
from support.parts import require

pytestmark = pytest.mark.system
DEPLOY = Path(__file__).parents[2] / "deploy"
_NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        server_name localhost;
        location / {{
            proxy_pass {galaxy};
        }}
        {location}
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def nginx(folder: Path, port: int, galaxy: str, portals: int) -> Iterator[None]:
    """Run nginx with our location in front of a Galaxy."""
    program = require("nginx")
    folder.mkdir()
    location = (DEPLOY / "nebulab-portal.nginx").read_text().replace("127.0.0.1:8095", f"127.0.0.1:{portals}")
    assert str(portals) in location
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, galaxy=galaxy, location=location))
    command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(configuration)]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tested.returncode == 0 and "warn" not in tested.stderr, tested.stderr
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + 20
        while not (folder / "pid").exists() or not _listens(port):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def client(url: str, login: str = "", address: str = "127.0.0.1") -> httpx.Client:
    """Return a browser at an address of this machine's."""
    transport = httpx.HTTPTransport(local_address=address)
    cookies = {"galaxysession": login} if login else {}
    return httpx.Client(base_url=url, cookies=cookies, transport=transport, timeout=30)


def test_below_a_path_of_galaxys_host_name(tmp_path: Path) -> None:
    fake, port = FakeAccounts(), free_port()
    url = f"http://localhost:{port}"
    here = {"NEBULAB_PORTAL_URL": f"{url}/gpu", "NEBULAB_PORTAL_GALAXY_PUBLIC": url}
    try:
        with (
            portal.running(tmp_path / "portal", fake.url, KEY, **here) as started,
            nginx(tmp_path / "nginx", port, fake.url, int(started.url.rpartition(":")[2])),
        ):
            with client(url, fake.account("ada", "ada@uni-freiburg.de")) as ada:
                _as_somebody(ada)
            _as_an_attacker(url)
            # Links that confirm stand in addresses.
            assert "/gpu/" not in (tmp_path / "nginx" / "access.log").read_text()
    finally:
        fake.stop()


def _as_somebody(ada: httpx.Client) -> None:
    assert ada.get("/api/users/current").json()["email"] == "ada@uni-freiburg.de", "Galaxy is beside it"
    assert ada.get("/gpu").headers["location"].endswith("/gpu/")
    first = ada.get("/gpu/")
    assert "ada@uni-freiburg.de" in first.text and first.headers["x-frame-options"] == "DENY"
    style = re.search(r'href="(/gpu/static/style[^"]+)"', first.text)
    assert style and ada.get(style[1]).headers["content-type"].startswith("text/css")
    form = ada.get("/gpu/apply")
    token = re.search(r'name="form_token" value="(\w+)"', form.text)
    assert token
    sent = ada.post("/gpu/apply", data=written(form_token=token[1]))
    assert sent.headers["location"].startswith("/gpu/applications/")
    assert "a mail went to" in ada.get(sent.headers["location"]).text
    assert ada.post("/gpu/apply", content=b"x" * 300_000).status_code == 413
    assert ada.get("/gpu/none").status_code == 404


def _as_an_attacker(url: str) -> None:
    with client(url) as nobody, client(url, address="127.0.0.2") as other:
        # The address that nginx sees counts, whatever the request says of itself.
        asked = [nobody.get("/gpu/confirm/x", headers={"x-forwarded-for": f"192.0.2.{number}"}) for number in range(31)]
        assert [answer.status_code for answer in asked] == [404] * 30 + [429]
        assert other.get("/gpu/confirm/x").status_code == 404


@pytest.mark.parametrize("name", ["nebulab-portal.service", "nebulab-door.service"])
def test_systemd_understands_the_services(name: str, tmp_path: Path) -> None:
    analyze = require("systemd")
    unit = tmp_path / name
    # What it starts has to be there, and who it is for.
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", (DEPLOY / name).read_text(), flags=re.MULTILINE)
    unit.write_text(text.replace("User=galaxy", "User=daemon"))
    told = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    ours = [line for line in told.stderr.splitlines() if name in line]
    assert ours == [] and told.returncode == 0, told.stderr


def test_systemd_understands_the_portals_service_with_every_secret_and_its_check(tmp_path: Path) -> None:
    analyze = require("systemd")
    text = (DEPLOY / "nebulab-portal.service").read_text()
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE)
    text, secrets = re.subn(r"^#(?=LoadCredential=|Environment=)", "", text, flags=re.MULTILINE)
    assert secrets == 8
    unit, check = tmp_path / "nebulab-portal.service", tmp_path / "nebulab-portal-check.service"
    unit.write_text(text)
    # As docs/offering-gpus.md has it, on this folder in place of systemd's.
    document = (DEPLOY.parent / "docs" / "offering-gpus.md").read_text(encoding="utf-8")
    line = re.search(r"^systemctl cat nebulab-portal (\| sed .* > )\S*/(nebulab-portal-check.service)$", document, re.M)
    assert line
    subprocess.run(["sh", "-c", f"cat nebulab-portal.service {line[1]}{line[2]}"], cwd=tmp_path, check=True)
    assert f"\nExecStart={sys.executable} -P -m nebulab portal --check\n" in check.read_text()
    for each in (unit, check):
        told = subprocess.run([analyze, "verify", "--man=no", str(each)], capture_output=True, text=True)
        assert told.returncode == 0 and each.name not in told.stderr, told.stderr


def test_the_portals_service_may_do_little(tmp_path: Path) -> None:
    """systemd's own measure of what a service may do, from 0 (nothing) to 10."""
    unit = shutil.copy(DEPLOY / "nebulab-portal.service", tmp_path)
    command = [require("systemd"), "security", "--offline=true", "--no-pager", "--threshold=20", unit]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
