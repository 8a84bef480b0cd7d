"""Who may do what around a session: strangers, another user, and the notebook itself."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from nebulab_worker import messages
from support.galaxy import GalaxyUser, wait_for
from support.session import Session
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

ASK = """
import json, os, urllib.request, urllib.error
def ask(method, path, body=None, **headers):
    headers = {"x-api-key": os.environ["API_KEY"], "Content-Type": "application/json"} | headers
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["GALAXY_URL"] + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
"""


@pytest.fixture(scope="module")
def started(stack: Stack) -> Iterator[tuple[Session, str]]:
    """A session of the user's, and its job."""
    user = GalaxyUser(stack.url, stack.user.key)
    answer, point = user.start_session(user.new_history("security"))
    yield Session(stack, point["target"]), answer["jobs"][0]["id"]
    user.stop_session(point["id"])


@pytest.fixture(scope="module")
def session(started: tuple[Session, str]) -> Session:
    return started[0]


@pytest.fixture(scope="module")
def job(started: tuple[Session, str]) -> str:
    return started[1]


def test_without_the_token_nobody_enters(session: Session) -> None:
    """The host name alone, which a browser's history may show, opens nothing."""
    with session.stranger() as stranger:
        for path in ("/", "/lab", "/api", "/api/status", "/api/contents", "/api/kernels", "/login", "/nebulab/start"):
            for address in (path, f"{path}?token={secrets.token_hex(16)}", f"{path}?token="):
                answer = stranger.get(address)
                assert answer.status_code == 403, f"{address}: {answer.status_code}"
        for path in ("/api/kernels", "/api/terminals", "/api/shutdown", "/nebulab/session"):
            assert stranger.post(path, json={}).status_code == 403
        assert stranger.get("/static/favicon.ico").status_code == 403
    with session.owner() as owner:
        assert owner.get("/api/status").status_code == 200


@pytest.mark.parametrize("path", ["/api/kernels/{kernel}/channels", "/terminals/websocket/1", "/lsp/ws/x", "/no/such"])
@pytest.mark.parametrize("query", ["", "?token=wrong"])
def test_no_websocket_without_the_token(session: Session, path: str, query: str) -> None:
    with session.owner() as owner:
        kernel = owner.post("/api/kernels", json={"name": "python3"}).json()["id"]
        answer = handshake(session, path.format(kernel=kernel) + query)
        owner.delete(f"/api/kernels/{kernel}")
    assert answer.startswith("HTTP/1.1 403"), answer


def test_no_websocket_from_a_page_of_another_origin(session: Session) -> None:
    """A page elsewhere that the user visits has the cookie sent along, and is refused all the same."""
    with session.stranger() as browser, session.owner() as owner:
        browser.get("/nebulab/start", params={"token": session.token})
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        kernel = owner.post("/api/kernels", json={"name": "python3"}).json()["id"]
        for origin, status in (("https://elsewhere.example", "403"), (f"http://{session.host}", "101")):
            answer = handshake(session, f"/api/kernels/{kernel}/channels", Cookie=cookie, Origin=origin)
            assert answer.startswith(f"HTTP/1.1 {status}"), f"{origin}: {answer}"
        owner.delete(f"/api/kernels/{kernel}")


def handshake(session: Session, path: str, **headers: str) -> str:
    """Ask the proxy for a websocket, and return the first line of the answer."""
    proxy = urlsplit(session.stack.proxy_url)
    fields = {
        "Host": session.host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    } | headers
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    with socket.create_connection((proxy.hostname, proxy.port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(4096).decode(errors="replace").partition("\r\n")[0]


@pytest.mark.parametrize("host", ["{start}x", "x{start}", "{entry}-{wrong}", "{entry}-", "127.0.0.1", "localhost"])
def test_a_host_name_that_is_not_quite_right_leads_nowhere(session: Session, host: str) -> None:
    start, _, domain = session.host.partition(".")
    entry = start.partition("-")[0]
    name = host.format(start=start, entry=entry, wrong="0" * 32)
    with httpx.Client(base_url=session.stack.proxy_url, timeout=30) as client:
        answer = client.get("/lab", headers={"Host": f"{name}.{domain}", "Authorization": f"token {session.token}"})
    assert answer.status_code in {403, 404}
    assert "jupyter" not in answer.text.lower()


def test_the_session_has_no_address_by_path(session: Session) -> None:
    """There it would share an origin with others."""
    key, _, token = session.host.partition(".")[0].partition("-")
    path = f"/interactivetool/ep/{key}/{token}/api"
    with session.owner() as client:
        assert client.get("/api").status_code == 200
        assert client.get(path, headers={"Host": urlsplit(session.stack.proxy_url).netloc}).status_code == 404


def test_another_user_does_not_find_the_session_and_can_not_stop_it(
    stack: Stack, session: Session, job: str, galaxy: GalaxyUser
) -> None:
    other = GalaxyUser(stack.url, stack.other.key)
    assert other.get("entry_points", running="true") == []
    points = galaxy.get("entry_points", job_id=job)
    for method, path in (
        ("DELETE", f"entry_points/{points[0]['id']}"),
        ("GET", f"entry_points/{points[0]['id']}/access"),
    ):
        answer = httpx.request(method, f"{stack.url}/api/{path}", headers={"x-api-key": stack.other.key}, timeout=60)
        assert answer.status_code in {400, 403, 404}, path
        assert session.token not in answer.text
    seen = httpx.get(f"{stack.url}/api/jobs/{job}", headers={"x-api-key": stack.other.key}, params={"full": True})
    assert session.token not in seen.text
    with session.owner() as owner:
        assert owner.get("/api/status").status_code == 200


def test_a_notebook_reaches_its_users_data_and_nothing_else_of_galaxys(session: Session, stack: Stack) -> None:
    wanted = [
        ("GET", "/api/version"),
        ("GET", "/api/users/current"),
        ("GET", "/api/histories"),
        ("GET", "/api/tools?in_panel=false"),
        ("GET", "/api/jobs"),
        ("GET", "/api/workflows"),
        ("GET", "/api/datatypes"),
        ("GET", "/api/genomes"),
        ("GET", "/api/configuration"),
        ("GET", "/nebulab/session"),
    ]
    refused = [
        ("GET", "/api/users/current/api_key"),
        ("POST", "/api/users/current/api_key"),
        ("GET", "/api/users"),
        ("GET", "/api/roles"),
        ("GET", "/api/groups"),
        ("GET", "/api/quotas"),
        ("GET", "/api/entry_points"),
        ("GET", "/api/remote_files"),
        ("GET", "/api/authenticate/baseauth"),
        ("GET", "/api/jobs?user_details=true"),
        ("GET", "/api/histories?all=true"),
        ("GET", "/api/datatypes/%2e%2e/users"),
        ("GET", "/api/histories/../users"),
        ("GET", "/context"),
        ("GET", "/"),
    ]
    code = f"{ASK}\nprint(json.dumps([ask(method, path) for method, path in {wanted + refused!r}]))"
    answers = json.loads(session.run(code))
    for (method, path), (status, text) in zip(wanted + refused, answers, strict=True):
        assert status == (200 if (method, path) in wanted else 403), f"{method} {path}: {status} {text[:300]}"
        assert stack.user.key not in text
    assert stack.user.email in answers[1][1]


def test_a_notebook_can_not_name_a_file_of_the_server(session: Session) -> None:
    code = f"""{ASK}
history = os.environ["HISTORY_ID"]
for element in ({{"src": "url", "url": "file:///etc/passwd"}}, {{"src": "path", "path": "/etc/passwd"}}):
    targets = [{{"destination": {{"type": "hdas"}}, "elements": [element]}}]
    print(ask("POST", "/api/tools/fetch", {{"history_id": history, "targets": targets}})[0])
    print(ask("POST", "/api/tools/fetch", {{"history_id": history, "targets": json.dumps(targets)}})[0])
print(ask("POST", "/api/histories", {{"name": "x"}}, **{{"X-HTTP-Method-Override": "DELETE"}})[0])
print(ask("GET", "/api/histories", **{{"run-as": "1"}})[0])
print(ask("GET", "/api/histories", **{{"x-api-key": "wrong"}})[0])
"""
    assert session.run(code).split() == ["403"] * 6 + ["401"]


QUERIES = """
from urllib.parse import urlencode
def change(path, query, body=b"a=1", kind="application/x-www-form-urlencoded"):
    request = urllib.request.Request(
        os.environ["GALAXY_URL"] + path + "?" + urlencode(query), body,
        {"x-api-key": os.environ["API_KEY"], "Content-Type": kind}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
"""


@pytest.fixture(scope="module")
def administrators_session(stack: Stack) -> Iterator[Session]:
    """A session of the administrator's, whose key may do everything."""
    admin = GalaxyUser(stack.url, stack.admin.key)
    _, point = admin.start_session(admin.new_history("security"))
    yield Session(stack, point["target"])
    admin.stop_session(point["id"])


def test_an_administrators_notebook_can_not_have_galaxy_read_a_file(
    administrators_session: Session, stack: Stack, tmp_path: Path
) -> None:
    """Galaxy's older routes take a query for the body if the type is a form's, as the control shows."""
    secret = tmp_path / "secret.yml"
    secret.write_text("password: s3cret")
    headers = {"x-api-key": stack.admin.key, "Content-Type": "application/x-www-form-urlencoded"}
    control = httpx.post(
        f"{stack.url}/api/workflows", params={"from_path": str(secret)}, headers=headers, content=b"a=1", timeout=60
    )
    assert "s3cret" in control.text, "Galaxy reads queries otherwise now: has the broker to follow?"
    code = f"""{ASK}{QUERIES}
path = {str(secret)!r}
print(json.dumps([
    change("/api/workflows", {{"from_path": path}}),
    change("/api/workflows", {{"from_path": path}}, b'{{"a": 1}}', "application/json"),
    change("/api/workflows", {{"workflow": json.dumps({{"src": "from_path", "path": path}})}}),
    change("/api/workflows", {{}}, urlencode({{"from_path": path}}).encode()),
    change("/api/workflows", {{}}, urlencode({{"archive_source": "file://" + path}}).encode()),
    ask("POST", "/api/workflows", {{"from_path": path}}),
    ask("POST", "/api/workflows", {{"workflow": {{"class": "GalaxyWorkflow", "inputs": {{}}, "outputs": {{}},
        "steps": [{{"run": {{"@import": path}}}}]}}}}),
    ask("POST", "/api/histories", {{"archive_source": path, "archive_type": "file"}}),
    ask("POST", "/api/tools/fetch", {{"history_id": os.environ["HISTORY_ID"], "targets": [
        {{"destination": {{"type": "hdas"}}, "elements": [{{"src": "files"}}]}}],
        "files_0|file_data": {{"filename": "x", "local_filename": path}}}}),
]))
"""
    for status, text in json.loads(administrators_session.run(code)):
        assert status == 403, text
        assert "A notebook may not" in text
        assert "s3cret" not in text


def test_a_notebook_can_not_publish_or_run_past_the_judgement(session: Session, galaxy: GalaxyUser) -> None:
    name = "published by a notebook"
    workflow = {"a_galaxy_workflow": "true", "format-version": "0.1", "name": name, "steps": {}}
    code = f"""{ASK}{QUERIES}
workflow = {json.dumps(workflow)!r}
print(json.dumps([
    change("/api/workflows", {{"workflow": workflow, "publish": "true"}}),
    change("/api/workflows", {{}}, urlencode({{"workflow": workflow, "publish": "true"}}).encode()),
    change("/api/tools", {{"tool_id": "upload1", "history_id": os.environ["HISTORY_ID"],
        "inputs": json.dumps({{"files_0|url_paste": "hello"}})}}),
    change("/api/tools", {{"tool_id": "upload1", "inputs": "{{}}"}}, b'{{"a": 1}}', "application/json"),
    ask("PUT", "/api/workflows/menu", {{"workflow_ids": []}}),
]))
"""
    before = {one["id"] for one in galaxy.get("jobs")}
    for status, text in json.loads(session.run(code)):
        assert status == 403, text
        assert "A notebook may not" in text
    assert name not in json.dumps(galaxy.get("workflows", show_published=True))
    assert {one["id"] for one in galaxy.get("jobs")} == before


def test_the_description_of_the_user_has_no_preferences(session: Session) -> None:
    code = f"""{ASK}
print(json.dumps([ask("GET", path) for path in ("/api/users/current", "/api/users/curren%74")]))
"""
    for status, text in json.loads(session.run(code)):
        assert status == 200
        assert "preferences" not in json.loads(text)


def test_a_notebook_sees_neither_the_stack_nor_other_jobs(session: Session, stack: Stack, job: str) -> None:
    """Galaxy's database, its secrets, other jobs' folders, other processes' environments."""
    code = f"""
import glob, json, os
data = {str(stack.data_dir)!r}
secret = (".sqlite", "secrets.json", ".sh")
found = [path for path in glob.glob(data + "/**/*", recursive=True) if path.endswith(secret)]
own = []
for folder in glob.glob("/proc/[0-9]*"):
    try:
        own.append(open(folder + "/environ", "rb").read().decode(errors="replace"))
    except OSError:
        pass
print(json.dumps({{"found": found, "environments": own, "user": os.environ.get("HOME")}}))
"""
    seen = json.loads(session.run(code))
    assert [path for path in seen["found"] if "/environments/" not in path] == []
    assert stack.user.key not in json.dumps(seen)
    assert session.token not in json.dumps(seen)


def test_a_notebook_is_refused_by_the_worker_of_another_stack(session: Session) -> None:
    """Where a session sees its folder, which it can't write: a socket opens all the same, and runs what it is sent."""
    try:
        folder = tempfile.mkdtemp(prefix="nebulab-test-", dir="/var/lib")
    except OSError as error:
        pytest.skip(f"a session sees no folder of /var/lib that this user could make: {error}")
    options = ["--folder", folder, "--galaxy-root", folder, "--stuck-minutes", "1"]
    serving = subprocess.Popen(
        [ENVIRONMENTS / "galaxy" / "bin" / "python", "-m", "nebulab_worker.serve", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT / "deploy" / "galaxy")},
    )
    try:
        wait_for("the worker", Path(folder, "alive").exists)
        with messages.connect(Path(folder), messages.TASKS, 60) as channel:
            assert channel.recv(1) == messages.READY
        asked = f"""
import socket
channel = socket.socket(socket.AF_UNIX)
channel.settimeout(60)
channel.connect({folder + "/tasks"!r})
print("heard", channel.recv(1))
"""
        assert session.run(asked).strip() == "heard b''"
    finally:
        serving.kill()
        serving.wait()
        shutil.rmtree(folder)


def test_a_printed_environment_publishes_nothing(session: Session, stack: Stack) -> None:
    shown = session.run("import os\nfor name, value in os.environ.items(): print(name, '=', value)")
    assert stack.user.key not in shown
    assert session.token not in shown
    assert re.search(r"^API_KEY = \S{20,}$", shown, re.M)
    assert re.search(r"^GALAXY_URL = http://127\.0\.0\.1:\d+$", shown, re.M)
    assert "JUPYTER_TOKEN" not in shown


def test_no_secret_in_a_command_line_or_in_what_galaxy_shows(
    session: Session, stack: Stack, job: str, galaxy: GalaxyUser
) -> None:
    broker_token = session.run("import os; print(os.environ['API_KEY'])").strip()
    hidden = [stack.user.key, session.token, broker_token]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        assert not [secret for secret in hidden if secret in line], f"process {folder.name}"
    lengths = {"stdout_position": 0, "stdout_length": 10**6, "stderr_position": 0, "stderr_length": 10**6}
    shown = json.dumps(galaxy.get(f"jobs/{job}/console_output", **lengths)) + json.dumps(galaxy.job(job))
    assert not [secret for secret in hidden if secret in shown]


def test_no_secret_in_a_file_that_need_not_hold_it(session: Session, stack: Stack) -> None:
    """Galaxy's database and the job's own script, with its environment, must hold them; nothing else does."""
    broker_token = session.run("import os; print(os.environ['API_KEY'])").strip()
    hidden = [secret.encode() for secret in (stack.user.key, session.token, broker_token)]
    holding = []
    for folder, folders, names in os.walk(stack.data_dir):
        folders[:] = [name for name in folders if name != "environments"]
        for name in names:
            path = Path(folder) / name
            if path.is_symlink() or not path.is_file():
                continue
            if any(secret in path.read_bytes() for secret in hidden):
                holding.append(path.relative_to(stack.data_dir))
    surprising = [
        str(path)
        for path in holding
        if not path.name.startswith(("secrets.json", "tool_script.sh", "tool_env_")) and ".sqlite" not in path.name
    ]
    assert surprising == []
    for path in holding:
        if path.name == "secrets.json":
            assert (stack.data_dir / path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "path",
    [
        "/files/../../../../etc/passwd",
        "/files/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/files/..%2f..%2f..%2fetc/passwd",
        "/api/contents/../../../../etc/passwd",
        "/api/contents/%2e%2e%2f%2e%2e%2fsession",
        "/static/../../../../etc/passwd",
        "/lab/extensions/../../../../etc/passwd",
    ],
)
def test_a_path_that_climbs_out_of_the_working_folder_fails(session: Session, path: str) -> None:
    proxy = urlsplit(session.stack.proxy_url)
    lines = [f"GET {path} HTTP/1.1", f"Host: {session.host}", f"Authorization: token {session.token}"]
    with socket.create_connection((proxy.hostname, proxy.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    status = answer.split(b" ", 2)[1]
    assert status in {b"400", b"403", b"404", b"302"}, answer[:200]
    assert b"root:" not in answer
