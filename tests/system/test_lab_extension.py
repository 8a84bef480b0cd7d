"""JupyterLab as sessions start it: nobody enters without the token, and its page warns before the session ends."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from nebulab import contract
from nebulab.session.lab.config import lab_extensions
from support import chromium
from support import lab as support
from support.galaxy import wait_for
from support.lab import Lab
from support.session import typed_in_terminal
from support.stack import ENVIRONMENTS

pytestmark = pytest.mark.system
# JupyterLab's first page takes its time on a busy machine.
expect.set_options(timeout=60_000)

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
BEHIND_PROXY = {"Host": "0a1b-2c3d.ep.interactivetool.localhost:8081"}


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with a broker of the test's own; the stack installs the environments where they are missing."""
    request.getfixturevalue("installed")
    started = support.start(
        tmp_path_factory.mktemp("lab"), ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels", start_page="a table.ipynb"
    )
    (started.folder / "work" / "a table.ipynb").write_text(json.dumps(NOTEBOOK))
    yield started
    started.stop()


@pytest.fixture
def own_lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab that a test may end."""
    request.getfixturevalue("installed")
    started = support.start(
        tmp_path / "lab", ENVIRONMENTS / "lab", ENVIRONMENTS / "kernels", start_page="a table.ipynb"
    )
    (started.folder / "work" / "a table.ipynb").write_text(json.dumps(NOTEBOOK | {"metadata": KERNEL}))
    yield started
    started.stop()


@pytest.fixture
def stranger(lab: Lab) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=lab.url, timeout=30) as client:
        yield client


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium.opened() as page:
        yield page


def _entry() -> str:
    [package] = lab_extensions().glob("@*/*/package.json")
    return str(json.loads(package.read_text())["jupyterlab"]["_build"]["load"])


def test_strangers_are_refused_on_every_kind_of_route(stranger: httpx.Client, lab: Lab) -> None:
    for path in (
        "/",
        "/lab",
        "/lab/tree/a%20table.ipynb",
        "/api",
        "/api/",
        "/api/me",
        "/api/status",
        "/api/contents",
        "/api/kernels",
        "/api/kernelspecs",
        "/api/terminals",
        "/api/config/x",
        "/files/a%20table.ipynb",
        "/nbconvert/html/a%20table.ipynb",
        "/login",
        "/logout",
        "/metrics",
        "/static/favicon.ico",
        f"/lab/extensions/@nebulab/lab-extension/{_entry()}",
        "/lab/api/settings",
        "/nebulab/start",
        "/nebulab/session",
        "/nebulab/save",
        "/nebulab/saved",
        "/nebulab/end",
        "/nebulab/trainings",
        "/nebulab/trainings/describe",
        "/nebulab/trainings/compare",
        "/nebulab/trainings/job/0a1b",
        "/nebulab/trainings/card/0a1b",
        "/nebulab/trainings/figure/0a1b",
        "/nebulab/resources",
        "/nebulab/resources/history",
        "/nebulab/welcome",
        "/nebulab/welcome/first",
        "/git/settings",
        "/nbdime/difftool",
        "/lsp/status",
        "/voila",
        "/voila/render/a%20table.ipynb",
        "/voila/files/a%20table.ipynb",
        "/nebulab/galaxy/state",
        "/nebulab/galaxy/histories",
        "/nebulab/galaxy/contents?history=0a",
        "/nebulab/galaxy/elements",
        "/nebulab/galaxy/preview/0a",
        "/nebulab/galaxy/transfers",
        "/nebulab/pipelines/check",
        "/nebulab/pipelines/runs",
        "/nebulab/pipelines/runs/run-1",
        "/no/such/page",
    ):
        for headers in ({}, BEHIND_PROXY):
            for address in (path, f"{path}?token=wrong"):
                answer = stranger.get(address, headers=headers)
                assert answer.status_code == 403, f"{address} answers {answer.status_code}"
                assert support.TOKEN not in answer.text
    # Nobody who may not ask can have JupyterLab load what waits to be asked.
    assert "git_panel | extension was successfully loaded" not in lab.log
    ours = ("/git/clone", *(f"/nebulab/{name}" for name in ("session", "save", "saved", "end", "welcome/first")))
    ours += tuple(f"/nebulab/galaxy/{name}" for name in ("histories", "delete", "watch", "transfers", "transfers/1"))
    ours += ("/nebulab/trainings", "/nebulab/trainings/told", "/nebulab/trainings/fetch")
    ours += ("/nebulab/pipelines/check", "/nebulab/pipelines/runs")
    for path in ("/api/kernels", "/api/sessions", "/api/terminals", "/api/shutdown", "/login", *ours):
        assert stranger.post(path, json={}).status_code == 403, path


def test_extensions_are_loaded_by_the_first_request_to_them(own_lab: Lab) -> None:
    """It is answered like any other, whatever its method; strangers stay out afterwards."""
    with (
        httpx.Client(base_url=own_lab.url, timeout=60, headers={"Authorization": f"token {support.TOKEN}"}) as known,
        httpx.Client(base_url=own_lab.url, timeout=60) as unknown,
    ):
        assert "git_panel" not in own_lab.log
        (own_lab.folder / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
        # A POST comes first, with a body that the extension's handler has to get.
        made = known.post("/git/init", json={}, follow_redirects=False)
        assert made.status_code == 200, made.text
        assert (own_lab.folder / "work" / ".git").is_dir()
        assert known.get("/git/settings").json()["gitVersion"]
        assert known.post("/nbdime/api/isgit", json={"path": ""}).json() == {"is_git": True}
        assert known.get("/lsp/status").status_code == 200
        assert known.get("/git/no/such/address").status_code == 404
        for name in ("nebulab.session.lab.git_panel", "nbdime", "jupyter_lsp"):
            assert own_lab.log.count(f"{name} | extension was successfully loaded") == 1
        for path in ("/git/settings", "/nbdime/difftool", "/lsp/status", "/lsp/ws/pyright"):
            assert unknown.get(path).status_code == 403
        assert unknown.post("/git/init", json={}).status_code == 403


def test_the_way_in_leaves_the_token_behind(stranger: httpx.Client, lab: Lab) -> None:
    answer = stranger.get("/nebulab/start", params={"token": support.TOKEN})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/lab/tree/a%20table.ipynb"
    assert stranger.get("/api/status").status_code == 200
    assert stranger.get("/lab").status_code == 200
    # A page of another origin has the cookie in its requests, and nothing else.
    refused = stranger.post("/api/kernels", json={}, headers={"Origin": "https://elsewhere.example"})
    assert refused.status_code in {403, 404}


def test_galaxys_page_may_show_the_session_in_a_frame_and_no_other(stranger: httpx.Client) -> None:
    shown = stranger.get("/lab", params={"token": support.TOKEN}, headers=BEHIND_PROXY)
    policy = shown.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' http://localhost:* https://localhost:*;" in policy
    assert "X-Frame-Options" not in shown.headers
    alone = stranger.get("/lab", params={"token": support.TOKEN})
    assert "frame-ancestors 'self';" in alone.headers["Content-Security-Policy"]


# As Galaxy shows it: on the host name localhost, the session in a frame below another name.
GALAXY_PAGE = """<!doctype html><title>Interactive Tools</title>
<iframe id="galaxy_interactive_tool" width="1200" height="700" src="{address}"></iframe>"""
FRAMED = {"Sec-Fetch-Dest": "iframe", "Accept": "text/html,*/*;q=0.8"}


def entry_point(lab: Lab) -> str:
    return f"http://0a1b-2c3d.ep.interactivetool.localhost:{lab.port}/nebulab/start?token={support.TOKEN}"


@pytest.fixture
def galaxy(lab: Lab, tmp_path: Path) -> Iterator[str]:
    """A server for Galaxy's page: browsers let a page that comes from nowhere show nothing of this machine."""
    (tmp_path / "display").write_text(galaxy_page(lab))

    class Handler(SimpleHTTPRequestHandler):
        def guess_type(self, path: object) -> str:
            return "text/html"

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/display"
    server.shutdown()
    server.server_close()


def test_in_galaxys_frame_a_click_opens_the_lab_in_a_new_tab(page: Page, galaxy: str) -> None:
    """On Interactive Tools Galaxy's link on a session's name shows it in a frame, whose cookies browsers refuse."""
    page.goto(galaxy)
    link = page.frame_locator("#galaxy_interactive_tool").get_by_role("link", name="Open the Lab in a new tab")
    expect(link).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        chromium.picture(page, f"frame-{scheme}")
    with page.context.expect_page() as opened:
        link.click()
    expect(opened.value.get_by_role("tab", name="a table.ipynb")).to_be_visible()
    assert "token" not in opened.value.url
    assert opened.value.evaluate("document.referrer") == ""
    assert opened.value.evaluate("window.opener") is None


def test_a_frame_whose_cookies_are_kept_shows_the_lab_itself(page: Page, lab: Lab) -> None:
    outer = entry_point(lab).replace("/nebulab/start", "/outer")
    page.route(outer, lambda route: route.fulfill(content_type="text/html", body=galaxy_page(lab)))
    page.goto(outer)
    frame = page.frame_locator("#galaxy_interactive_tool")
    expect(frame.get_by_role("tab", name="a table.ipynb")).to_be_visible()


def galaxy_page(lab: Lab) -> str:
    return GALAXY_PAGE.format(address=entry_point(lab))


def test_a_frame_is_answered_at_its_first_request_only(stranger: httpx.Client, lab: Lab) -> None:
    asked = {"token": support.TOKEN}
    first = httpx.get(f"{lab.url}/nebulab/start", params=asked, headers=FRAMED)
    assert first.status_code == 302
    second = httpx.get(lab.url + first.headers["Location"], headers=FRAMED | BEHIND_PROXY)
    assert second.status_code == 200
    assert "Open the Lab in a new tab" in second.text
    policy = second.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")
    assert "frame-ancestors 'self' http://localhost:* https://localhost:*;" in policy
    assert second.headers["Cache-Control"] == "no-store"
    assert second.headers["Referrer-Policy"] == "no-referrer"
    # Nothing else opens to a frame, and nothing opens without the token.
    start = "/nebulab/start"
    for path in ("/lab", "/api/status", start, f"{start}?second=1", f"{start}?token=no&second=1"):
        assert httpx.get(lab.url + path, headers=FRAMED).status_code == 403, path
    # A client that keeps the cookie goes on to the Lab; so does a tab, at once.
    shown = stranger.get("/nebulab/start", params=asked, headers=FRAMED)
    assert stranger.get(shown.headers["Location"], headers=FRAMED).headers["Location"] == "/lab/tree/a%20table.ipynb"
    tab = FRAMED | {"Sec-Fetch-Dest": "document"}
    opened = httpx.get(f"{lab.url}/nebulab/start", params=asked, headers=tab)
    assert opened.headers["Location"] == "/lab/tree/a%20table.ipynb"


def test_a_terminal_and_a_kernel_see_no_token(stranger: httpx.Client, lab: Lab) -> None:
    """A notebook that prints its environment, and that of the server above it, publishes nothing."""
    stranger.headers["Authorization"] = f"token {support.TOKEN}"
    assert stranger.get("/api/kernelspecs").json()["kernelspecs"].keys() == {"python3", contract.KERAS2}
    kernel = stranger.post("/api/kernels", json={"name": "python3"}).json()
    stranger.post("/api/terminals").raise_for_status()
    pids = wait_for("kernel and terminal", lambda: started if len(started := children(lab.process.pid)) >= 2 else None)
    for pid in [lab.process.pid, *pids]:
        assert support.TOKEN.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    assert any(support.BROKER_TOKEN.encode() in Path(f"/proc/{pid}/environ").read_bytes() for pid in pids)
    assert stranger.delete(f"/api/kernels/{kernel['id']}").status_code == 204


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def test_no_file_and_no_log_line_holds_the_token(stranger: httpx.Client, lab: Lab) -> None:
    stranger.get("/no/such/page", params={"token": support.TOKEN})
    stranger.get("/api/contents/no-such-file", params={"token": support.TOKEN})
    holding = [
        str(path)
        for path in lab.folder.rglob("*")
        if path.is_file() and not path.is_symlink() and support.TOKEN.encode() in path.read_bytes()
    ]
    assert holding == []
    assert "404 GET" in lab.log


def test_the_page_warns_before_the_end_and_keeps_the_session_on_request(lab: Lab, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    lab.broker.status = {
        "state": "running",
        "idle_seconds": 6900,
        "ends_in_seconds": 299,
        "messages": [{"time": 1.0, "text": "outputs/link leads out of the folder and was not kept"}],
    }
    page.goto(f"{lab.url}/nebulab/start?token={support.TOKEN}")
    expect(page.get_by_text(re.compile("this session ends in 5 min|this session ends in 4 min"))).to_be_visible()
    expect(page.get_by_text("outputs/link leads out of the folder")).to_be_visible()
    expect(page.get_by_text(re.compile("Session ends in [45] min"))).to_be_visible()
    assert "token" not in page.url
    lab.broker.status["messages"] = []
    page.get_by_role("button", name="Keep it running").click()
    # What is true no longer is taken back.
    expect(page.get_by_text("outputs/link leads out of the folder")).to_have_count(0)
    expect(page.get_by_text("The session keeps running.")).to_be_visible()
    expect(page.get_by_text(re.compile("this session ends in"))).to_have_count(0)
    expect(page.get_by_text(re.compile("Session ends in"))).to_have_count(0)
    assert lab.broker.extended == 1
    assert lab.broker.asked >= 1
    assert [line for line in said if "nebulab" in line.lower() or "403" in line] == []
    assert page.get_by_text("official Jupyter news").count() == 0


LONG = (
    "A kernel used 1.9 GB of the session's 2.0 GB and was ended. Read the data in parts, or ask for more memory. "
    "JupyterLab starts it again; what was saved is kept. Files in memory take a part of it, and you may delete them: "
    "/dev/shm (1.2 GB)."
)


def test_a_long_notice_is_cut_between_sentences_and_whole_behind_its_button(page: Page, own_lab: Lab) -> None:
    """JupyterLab cuts after 140 characters, wherever that is, and what is cut is the advice."""
    own_lab.broker.status = {"state": "running", "ends_in_seconds": None, "messages": [{"time": 2.0, "text": LONG}]}
    _open_notebook(page, own_lab)
    shown = page.locator(".jp-toast-message")
    expect(shown).to_have_text(LONG.partition(" JupyterLab")[0])
    page.get_by_role("button", name="Read all").click()
    expect(page.locator(".jp-Dialog")).to_contain_text(LONG)
    page.get_by_role("button", name="OK", exact=True).click()
    # Reading it takes it neither from the page nor from the bell's list.
    page.locator(".jp-Notification-Status").click()
    listed = page.locator(".jp-Notification-List-Item")
    expect(listed).to_contain_text("ask for more memory.")
    listed.get_by_role("button", name="Read all").click()
    expect(page.locator(".jp-Dialog")).to_contain_text(LONG)


def test_the_reason_of_a_kernels_death_comes_with_the_news(page: Page, own_lab: Lab) -> None:
    _open_notebook(page, own_lab)
    _type(page, "import os; os.kill(os.getpid(), 9)")
    # The page has asked when it was opened, and would ask again after half a minute.
    own_lab.broker.status = {"state": "running", "ends_in_seconds": None, "messages": [{"time": 3.0, "text": LONG}]}
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("appears to have died")).to_be_visible()
    expect(page.get_by_text("Read the data in parts")).to_be_visible(timeout=2000)


def test_plots_are_drawn_without_internet(page: Page, own_lab: Lab) -> None:
    """Also Bokeh's, which otherwise waits for its script for ever; the figure's own data is enough for no library."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), refuse)
    _open_notebook(page, own_lab)
    cells = (
        "from bokeh.plotting import figure, output_notebook, show; output_notebook(); "
        "p = figure(width=300, height=200); p.line([1, 2, 3], [4, 6, 5]); show(p)",
        "import bqplot.pyplot as plt; f = plt.figure(title='of bqplot'); plt.plot([1, 2, 3], [4, 6, 5]); plt.show()",
        "%matplotlib inline\nimport seaborn; seaborn.lineplot(x=[1, 2, 3], y=[4, 6, 5]);",
    )
    for cell in cells:
        _type(page, cell)
        page.keyboard.press("Shift+Enter")
    expect(page.locator(".bk-Canvas, .bk-Figure, [data-root-id] >> css=canvas").first).to_be_visible()
    expect(page.get_by_text("of bqplot").first).to_be_visible()
    expect(page.locator(".jp-OutputArea-output img").first).to_be_visible()
    assert page.get_by_text("Loading BokehJS").count() == 0
    assert asked == []


def test_a_browser_without_the_token_sees_a_page_that_says_what_to_do(page: Page, lab: Lab) -> None:
    refused: list[str] = []
    page.on("response", lambda response: refused.append(response.url) if response.status == 403 else None)
    page.goto(f"{lab.url}/lab")
    expect(page.get_by_role("heading", name="This address does not open the session")).to_be_visible()
    expect(page.get_by_text("Interactive Tools")).to_be_visible()
    # Nothing that the page needs is refused in its turn.
    assert [url for url in refused if "favicon" not in url] == [f"{lab.url}/lab"]


def test_the_terminals_prompt_is_short_and_the_users_own_settings_prevail(own_lab: Lab) -> None:
    (own_lab.folder / "work" / "clone").mkdir()
    (own_lab.folder / ".bashrc").write_text("alias greet='echo hello from bashrc'\n")
    shown = asyncio.run(typed_in_terminal(own_lab.url, support.TOKEN, "cd clone; greet; cd /; pwd"))
    assert re.search(r"nebulab:work[$#] ", shown)
    assert "hello from bashrc" in shown
    shown = asyncio.run(typed_in_terminal(own_lab.url, support.TOKEN, "cd clone\rtrue"))
    assert re.search(r"nebulab:work/clone[$#] ", shown)


def test_no_figures_of_the_whole_machine_are_shown(page: Page, own_lab: Lab) -> None:
    """Of the machine's memory and processors a session has a part."""
    _open_notebook(page, own_lab)
    expect(page.locator(".jp-SideBar .lm-TabBar-tab").first).to_be_visible()
    assert (
        page.locator(".lm-TabBar-tab[title*='Kernel usage' i], .lm-TabBar-tab[data-id*='kernelusage' i]").count() == 0
    )
    assert page.locator(".jp-StatusBar-Widget").get_by_text(re.compile("Mem:")).count() == 0


# As another session's notebook would do it: no key, one subscriber on all ports of loopback that listen.
OVERHEAR = """
import sys, time, zmq
from pathlib import Path
context = zmq.Context()
subscriber = context.socket(zmq.SUB)
subscriber.subscribe(b"")
ports = {
    int(line.split()[1].rpartition(":")[2], 16)
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    if line.split()[3] == "0A"
}
for port in ports:
    subscriber.connect(f"tcp://127.0.0.1:{port}")
print(len(ports), flush=True)
heard, until = [], time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    if subscriber.poll(100):
        heard += subscriber.recv_multipart()
print(b"".join(heard).decode("utf-8", "replace"), flush=True)
"""


def test_a_kernel_is_not_overheard(page: Page, own_lab: Lab) -> None:
    _open_notebook(page, own_lab)
    python = ENVIRONMENTS / "lab" / "bin" / "python"
    listener = subprocess.Popen([python, "-c", OVERHEAR, "8"], stdout=subprocess.PIPE, text=True)
    assert listener.stdout is not None
    assert int(listener.stdout.readline()) > 4
    _type(page, "print('my' + 'secret', 6 * 7)")
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("mysecret 42")).to_be_visible()
    assert "secret" not in listener.communicate(timeout=60)[0]
    assert "without encryption" not in own_lab.log


def _open_notebook(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.url}/nebulab/start?token={support.TOKEN}")
    expect(page.locator(".jp-Notebook")).to_be_visible()
    expect(page.get_by_text("Python 3 (AI) | Idle")).to_be_visible()


def _type(page: Page, text: str) -> None:
    page.locator(".jp-Notebook .cm-content").last.click()
    page.keyboard.type(text)


def _cells(lab: Lab) -> list[Any]:
    """Return the saved cells, none while Jupyter writes: it truncates the file first."""
    text = (lab.folder / "work" / "a table.ipynb").read_text()
    return list(json.loads(text)["cells"]) if text.endswith("\n") else []


def test_a_cell_that_has_run_is_saved_with_its_output(page: Page, own_lab: Lab) -> None:
    """Nobody has to think of saving, and a session may be stopped at any moment."""
    _open_notebook(page, own_lab)
    _type(page, "print(6 * 7)")
    page.keyboard.press("Shift+Enter")
    began = time.monotonic()
    wait_for("the saved cell", lambda: any("42" in str(cell.get("outputs")) for cell in _cells(own_lab)), 20)
    # Once by the cell's end, and not only by the clock.
    assert time.monotonic() - began < 9


SLOW_SAVES = """
window.saved = 0;
const quick = window.fetch;
const pause = () => new Promise(resolve => setTimeout(resolve, 1500));
window.fetch = async (...args) => {
  const saves = args[0]?.method === 'PUT' && args[0].url.includes('/api/contents/');
  if (saves) {
    window.saving = (window.saving ?? 0) + 1;
    window.path = new URL(args[0].url).pathname;
    await pause();
  }
  const answer = await quick(...args);
  if (saves) {
    await pause();
    window.saved += 1;
  }
  return answer;
};
"""


@pytest.mark.parametrize("pause", [0, 2000], ids=["before it is written", "before the answer"])
def test_a_person_who_saves_while_a_cell_is_being_saved_is_asked_nothing(page: Page, own_lab: Lab, pause: int) -> None:
    """JupyterLab took its own save, still on its way, for a change by somebody else, and asked."""
    page.add_init_script(SLOW_SAVES)
    _open_notebook(page, own_lab)
    page.get_by_title("New Launcher").last.click()
    page.locator(".jp-LauncherCard[data-category=Notebook]:visible").first.click()
    visible = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    visible.locator(".jp-CodeCell .cm-content").first.click()
    expect(page.get_by_text("Python 3 (AI) | Idle")).to_be_visible()
    page.wait_for_timeout(4_000)
    page.wait_for_function("(window.saved ?? 0) === (window.saving ?? 0)")
    page.keyboard.insert_text("print(6 * 7)")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("window.saving > window.saved && window.path.endsWith('Untitled.ipynb')")
    page.keyboard.press("Control+s")
    page.get_by_role("textbox", name="File name").fill("mine.ipynb")
    page.wait_for_timeout(pause)
    page.get_by_role("button", name="Rename and Save").click()
    wait_for("the saved cell", lambda: "42" in _text(own_lab, "mine.ipynb"), 60)
    page.wait_for_function("window.saved === window.saving")
    page.wait_for_timeout(1_000)
    assert page.locator(".jp-Dialog").all_inner_texts() == []
    names = {path.name for path in (own_lab.folder / "work").glob("*.ipynb")}
    assert names == {"a table.ipynb", "mine.ipynb"}


def _text(lab: Lab, name: str) -> str:
    path = lab.folder / "work" / name
    return path.read_text() if path.exists() else ""


def test_what_is_typed_is_saved_a_moment_later(page: Page, own_lab: Lab) -> None:
    """Galaxy takes a session's address away at once when it is stopped: nothing can be saved then."""
    _open_notebook(page, own_lab)
    _type(page, "typed and never run")
    began = time.monotonic()
    wait_for("the typed cell", lambda: "typed and never run" in str(_cells(own_lab)), 20, interval=0.1)
    # Before JupyterLab's own clock, which takes ten seconds.
    assert time.monotonic() - began < 6


def test_what_is_typed_during_a_save_is_not_taken_for_saved(page: Page, own_lab: Lab) -> None:
    page.add_init_script(SLOW_SAVES)
    _open_notebook(page, own_lab)
    page.wait_for_function("(window.saved ?? 0) === (window.saving ?? 0)")
    before = page.evaluate("window.saving ?? 0")
    _type(page, "before ")
    page.wait_for_function(f"window.saving > {before}")
    page.keyboard.type("and during the save")
    wait_for("all of it", lambda: "before and during the save" in str(_cells(own_lab)), 40)


def test_open_tabs_save_before_the_end_say_so_once_and_fall_silent(page: Page, own_lab: Lab) -> None:
    asked: list[str] = []
    _open_notebook(page, own_lab)
    _type(page, "typed and never run")
    page.on("request", lambda request: asked.append(request.url))
    began = time.monotonic()
    answer = httpx.post(
        f"{own_lab.url}/nebulab/save",
        json={"seconds": 5, "ending": True},
        headers={"Authorization": f"token {support.TOKEN}"},
        timeout=30,
    )
    took = time.monotonic() - began
    assert answer.json() == {"tabs": 1, "silent": 0, "unsaved": 0}
    assert took < 4
    assert ["typed and never run" in str(cell["source"]) for cell in _cells(own_lab)].count(True) == 1
    expect(page.get_by_text("This session has ended")).to_be_visible()
    own_lab.stop()
    asked.clear()
    page.wait_for_timeout(10_000)
    assert len(asked) < 10, asked
    expect(page.locator(".jp-Dialog")).to_have_count(1)
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)


def test_the_session_is_ended_from_the_page_which_names_what_is_not_kept(page: Page, own_lab: Lab) -> None:
    (own_lab.folder / "work" / "train.py").write_text("pass")
    (own_lab.folder / "work" / "outputs").mkdir(exist_ok=True)
    (own_lab.folder / "work" / "clone").mkdir()
    _open_notebook(page, own_lab)
    _type(page, "at the last moment")
    page.get_by_role("menuitem", name="File", exact=True).click()
    expect(page.get_by_role("menuitem", name="Log Out")).to_have_count(0)
    page.get_by_role("menuitem", name="Shut Down…").click()
    expect(page.get_by_text("Not kept: clone/, train.py. Copy what you need of it to outputs/ first.")).to_be_visible()
    page.get_by_role("button", name="End the session").click()
    expect(page.get_by_text("This session has ended")).to_be_visible()
    assert own_lab.process.wait(30) == 0
    assert "at the last moment" in str(_cells(own_lab))


def test_the_page_sees_that_the_session_is_gone(page: Page, own_lab: Lab) -> None:
    """As when it is killed: the proxy answers in its place."""
    _open_notebook(page, own_lab)
    own_lab.process.kill()
    own_lab.process.wait()
    page.route("**/*", lambda route: route.fulfill(status=404, body="This session is over."))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("This session has ended")).to_be_visible()
