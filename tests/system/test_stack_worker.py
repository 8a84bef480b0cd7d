"""What the worker does, Galaxy's own Python does too, and nothing is lost by it, whoever is killed meanwhile.

Programs that end jobs last a moment: the tests freeze one (SIGSTOP), do their worst, and let it go on.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support.galaxy import GalaxyUser, wait_for
from support.session import Session
from support.stack import Stack

pytestmark = pytest.mark.system

STUCK_SECONDS = 12
LINES = "a\tb\n1\t2\n3\t4\n"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system that one can fill without harming the machine."""
    place = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(place)], capture_output=True)
    yield place
    if mounted.returncode == 0:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def own(small_disk: Path) -> Iterator[Stack]:
    """A stack whose worker is soon sure that a program is stuck."""
    stack = Stack(small_disk / "data")
    stack.nebulab("up", "--detach", "--stuck-minutes", str(STUCK_SECONDS / 60))
    stack.proxy_url = stack.part("proxy")["address"]
    yield stack
    stack.nebulab("down", check=False)


@pytest.fixture(scope="module")
def user(own: Stack) -> GalaxyUser:
    return _user(own)


def _user(stack: Stack) -> GalaxyUser:
    key = json.loads((stack.data_dir / "secrets.json").read_text())["user"]["key"]
    return GalaxyUser(stack.part("galaxy")["address"], key)


@pytest.fixture
def history(user: GalaxyUser, request: pytest.FixtureRequest) -> str:
    return user.new_history(request.node.name)


def _fetch(
    user: GalaxyUser,
    history: str,
    *elements: dict[str, Any],
    destination: str = "hdas",
    files: dict[str, tuple[str, bytes]] | None = None,
) -> dict[str, Any]:
    """Ask for an upload and return the answer at once."""
    target = {"destination": {"type": destination}, "elements": list(elements)}
    if destination == "hdca":
        target |= {"collection_type": "list", "name": "collection"}
    answer = httpx.post(
        f"{user.url}/api/tools/fetch",
        headers={"x-api-key": user.key},
        data={"history_id": history, "targets": json.dumps([target])},
        files=files or {"none": ("", b"")},
        timeout=120,
    )
    taken: dict[str, Any] = answer.raise_for_status().json()
    return taken


def _pasted(text: str = LINES, **more: Any) -> dict[str, Any]:
    return {"src": "pasted", "paste_content": text, "name": "lines", "ext": "tabular"} | more


def _first_line(user: GalaxyUser, history: str, dataset: str) -> dict[str, Any]:
    given = {"input": {"src": "hda", "id": dataset}, "lineNum": 1}
    return user.run_tool(history, "Show beginning1", given)


class Frozen:
    """The next program that the worker runs, stopped, with its keeper."""

    def __init__(self, stack: Stack, number: int = 1) -> None:
        # Not by `nebulab status`, which takes longer than the programs.
        worker = _pid(stack, "worker")
        children = Path(f"/proc/{worker}/task/{worker}/children")
        self.keepers: list[psutil.Process] = []
        self.tasks: list[psutil.Process] = []
        deadline = time.monotonic() + 60
        while len(self.tasks) < number:
            assert time.monotonic() < deadline, "the worker was not asked"
            known = {keeper.pid for keeper in self.keepers}
            for pid in map(int, children.read_text().split()):
                if pid not in known:
                    self._catch(psutil.Process(pid))
            time.sleep(0.002)

    def _catch(self, keeper: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while not (below := keeper.children()):
                time.sleep(0.001)
            below[0].suspend()
            keeper.suspend()
            self.keepers.append(keeper)
            self.tasks.append(below[0])

    def go_on(self) -> None:
        for process in (*self.keepers, *self.tasks):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _fill(disk: Path, but: int = 0) -> Path:
    """Fill the disk but for some bytes; the stack on it writes meanwhile, so that it takes more than one try."""
    filler = disk / "filler"
    filler.write_bytes(b"")
    deadline = time.monotonic() + 10
    with filler.open("r+b") as file:
        while (room := os.statvfs(disk)).f_bavail * room.f_frsize > but:
            assert time.monotonic() < deadline, "the disk does not fill"
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, filler.stat().st_size + room.f_bavail * room.f_frsize - but)
    return filler


def _restarted(stack: Stack, name: str, killed: int) -> None:
    def back() -> bool:
        part = stack.part(name)
        return part["state"] == "running" and part["pid"] not in {None, killed}

    wait_for(f"{name} to come back", back, timeout=240)


def _pid(stack: Stack, name: str) -> int:
    parts = json.loads((stack.data_dir / "run" / "state.json").read_text())["parts"]
    pid: int = next(part["pid"] for part in parts if part["name"] == name)
    return pid


def stack_parts(stack: Stack) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = json.loads(stack.nebulab("status", "--json", check=False).stdout)["parts"]
    return parts


def _kill(stack: Stack, name: str) -> int:
    pid = _pid(stack, name)
    os.kill(pid, signal.SIGKILL)
    return pid


def _is_good(user: GalaxyUser, dataset: str, lines: int = 3) -> None:
    shown = user.wait_dataset(dataset)
    assert (shown["state"], shown["metadata_data_lines"], shown["metadata_columns"]) == ("ok", lines, 2)


# --- the same as without it -------------------------------------------------------------------------------------------


def _everything(stack: Stack) -> dict[str, dict[str, Any]]:
    """Take every kind of data in, run a tool on one, and return what Galaxy then tells of each."""
    user = _user(stack)
    history = user.new_history("everything")
    numbers = (Path(__file__).parents[2] / "galaxy-tools/test-data/numbers.h5").read_bytes()
    kinds = [
        _pasted(name="tabular"),
        _pasted(name="guessed", ext="auto"),
        _pasted(">one\nACGT\n>two\nAC\n", name="fasta", ext="auto"),
        _pasted('{"a": [1, 2]}', name="json", ext="auto"),
        _file("fastqsanger.gz", name="kept compressed", auto_decompress=False),
        _file("auto", name="unpacked"),
        _file("auto", name="hdf5"),
        {
            "src": "composite",
            "ext": "velvet",
            "name": "composite",
            "composite": {"items": [{"src": "pasted", "paste_content": f"part {n}\n"} for n in range(3)]},
        },
    ]
    files = {
        "files_0|file_data": ("r.fastq.gz", gzip.compress(b"@read\nACGT\n+\nIIII\n")),
        "files_1|file_data": ("t.tsv.gz", gzip.compress(LINES.encode())),
        "files_2|file_data": ("n.h5", numbers),
    }
    broken = _pasted(name="broken hash", hashes=[{"hash_function": "SHA-1", "hash_value": "0" * 40}])
    elements = [_pasted(name=f"element {n}") for n in range(3)]
    # One job for all that go well: without a worker each takes ten seconds of a processor.
    sent = [
        _fetch(user, history, *kinds, files=files),
        _fetch(user, history, broken),
        _fetch(user, history, *elements, destination="hdca"),
    ]
    told = {}
    for answer in sent:
        user.wait_job(answer["jobs"][0]["id"])
        for output in answer["outputs"]:
            dataset = user.wait_dataset(output["id"])
            told[dataset["name"]] = dataset
        for collection in answer["output_collections"]:
            shown = user.get(f"dataset_collections/{collection['id']}", instance_type="history")
            told["collection"] = {"state": shown["populated_state"], "size": shown["element_count"]}
    tool = _first_line(user, history, told["tabular"]["id"])
    user.wait_job(tool["jobs"][0]["id"])
    told["of a tool"] = user.wait_dataset(tool["outputs"][0]["id"])
    return {name: {key: one[key] for key in sorted(one) if _is_content(key)} for name, one in told.items()}


def _file(ext: str, **more: Any) -> dict[str, Any]:
    return {"src": "files", "name": "file", "ext": ext} | more


def _is_content(key: str) -> bool:
    return key.startswith(("metadata_", "misc_blurb")) or key in {"state", "size", "file_size", "file_ext", "peek"}


def test_every_kind_of_data_is_what_it_is_without_a_worker(own: Stack, new_stack: Callable[..., Stack]) -> None:
    """The only stack with --no-worker: it works as it always did, and it shows what is right."""
    plain = new_stack("--no-worker")
    assert {part["name"] for part in stack_parts(plain)} == {"supervisor", "galaxy", "proxy", "portal"}
    assert not (plain.data_dir / "worker").exists()
    with ThreadPoolExecutor() as pool:
        theirs, ours = (pool.submit(_everything, stack) for stack in (plain, own))
        right, told = theirs.result(), ours.result()
    plain.nebulab("down")
    assert told == right
    assert {name for name, one in told.items() if one["state"] != "ok"} == {"broken hash"}
    assert told["broken hash"]["state"] == "error"
    assert told["tabular"]["metadata_columns"] == 2
    assert told.keys() > {"kept compressed", "unpacked", "hdf5", "composite", "collection", "of a tool"}
    assert not [line for line in (own.data_dir / "logs" / "worker.log").read_text().splitlines() if "Traceback" in line]


# --- whoever is killed ------------------------------------------------------------------------------------------------


def test_worker_killed_in_an_upload(own: Stack, user: GalaxyUser, history: str) -> None:
    answer = _fetch(user, history, _pasted())
    frozen = Frozen(own)
    killed = _kill(own, "worker")
    frozen.go_on()
    # Its metadata is set by a worker that is not there: by Galaxy's own Python.
    _is_good(user, answer["outputs"][0]["id"])
    user.succeed(answer["jobs"][0]["id"])
    _restarted(own, "worker", killed)
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])


def test_worker_killed_while_metadata_is_set(own: Stack, user: GalaxyUser, history: str) -> None:
    dataset = user.upload(history, LINES, "lines", "tabular")["id"]
    answer = _first_line(user, history, dataset)
    frozen = Frozen(own)
    killed = _kill(own, "worker")
    frozen.go_on()
    _is_good(user, answer["outputs"][0]["id"], lines=1)
    _restarted(own, "worker", killed)


def test_program_of_an_upload_killed_is_told(own: Stack, user: GalaxyUser, history: str) -> None:
    for which in ("tasks", "keepers"):
        answer = _fetch(user, history, _pasted())
        frozen = Frozen(own)
        getattr(frozen, which)[0].kill()
        frozen.go_on()
        job = user.wait_job(answer["jobs"][0]["id"])
        assert job["state"] == "error", which
        assert "upload it again" in job["tool_stderr"], which
        assert user.wait_dataset(answer["outputs"][0]["id"])["state"] == "error"
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])


def test_program_of_metadata_killed_is_run_again(own: Stack, user: GalaxyUser, history: str) -> None:
    dataset = user.upload(history, LINES, "lines", "tabular")["id"]
    for which in ("tasks", "keepers"):
        answer = _first_line(user, history, dataset)
        frozen = Frozen(own)
        getattr(frozen, which)[0].kill()
        frozen.go_on()
        _is_good(user, answer["outputs"][0]["id"], lines=1)
        assert user.wait_job(answer["jobs"][0]["id"])["state"] == "ok", which


def test_worker_and_program_killed_at_the_end_of_a_session(own: Stack, user: GalaxyUser, history: str) -> None:
    answer, point = user.start_session(history)
    # After a stop Galaxy sets the metadata itself; after this end, the job's script does.
    with Session(own, point["target"]).owner() as owner:
        owner.post("/api/shutdown").raise_for_status()
    frozen = Frozen(own)
    killed = _kill(own, "worker")
    frozen.tasks[0].kill()
    frozen.go_on()
    user.succeed(answer["jobs"][0]["id"])
    assert user.wait_dataset(user.output(answer, "jupyter_notebook")["id"])["state"] == "ok"
    collection = answer["output_collections"][0]["id"]
    shown = user.get(f"dataset_collections/{collection}", instance_type="history")
    assert shown["populated_state"] == "ok"
    _restarted(own, "worker", killed)


@pytest.mark.parametrize("both", [False, True], ids=["galaxy", "galaxy and worker"])
def test_galaxy_killed_while_programs_run_and_wait(own: Stack, user: GalaxyUser, history: str, both: bool) -> None:
    begun = [_fetch(user, history, _pasted()) for _ in range(2)]
    frozen = Frozen(own, 2)
    waiting = [_fetch(user, history, _pasted()) for _ in range(2)]
    wait_for(
        "the others to wait", lambda: {user.job(one["jobs"][0]["id"])["state"] for one in waiting} <= {"new", "queued"}
    )
    killed = {name: _kill(own, name) for name in (("galaxy", "worker") if both else ("galaxy",))}
    frozen.go_on()
    for name, pid in killed.items():
        _restarted(own, name, pid)
    for answer in begun:
        job = user.wait_job(answer["jobs"][0]["id"])
        assert job["state"] == "error"
        shown = user.wait_dataset(answer["outputs"][0]["id"])
        assert shown["state"] == "error"
        assert "restarted" in shown["misc_info"]
    for answer in waiting:
        _is_good(user, answer["outputs"][0]["id"])
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])
    wait_for("what ran to end", lambda: not any(one.is_running() for one in (*frozen.keepers, *frozen.tasks)), 30)


def test_a_deleted_job_takes_its_program_along(own: Stack, user: GalaxyUser, history: str) -> None:
    answer = _fetch(user, history, _pasted())
    frozen = Frozen(own)
    user.gi.make_delete_request(f"{user.url}/api/jobs/{answer['jobs'][0]['id']}").raise_for_status()
    wait_for("the deletion", lambda: user.job(answer["jobs"][0]["id"])["state"] in {"deleted", "deleting"})
    frozen.go_on()
    wait_for("the program's end", lambda: not any(one.is_running() for one in frozen.tasks), 30)
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])


# --- what else breaks -------------------------------------------------------------------------------------------------


def test_a_stuck_upload_is_ended_and_told(own: Stack, user: GalaxyUser, history: str) -> None:
    answer = _fetch(user, history, _pasted())
    frozen = Frozen(own)
    for keeper in frozen.keepers:
        keeper.resume()
    job = user.wait_job(answer["jobs"][0]["id"], timeout=STUCK_SECONDS + 60)
    assert job["state"] == "error"
    assert "had done nothing" in job["tool_stderr"]
    assert user.wait_dataset(answer["outputs"][0]["id"])["state"] == "error"


def test_stuck_metadata_is_set_again(own: Stack, user: GalaxyUser, history: str) -> None:
    dataset = user.upload(history, LINES, "lines", "tabular")["id"]
    answer = _first_line(user, history, dataset)
    frozen = Frozen(own)
    for keeper in frozen.keepers:
        keeper.resume()
    _is_good(user, answer["outputs"][0]["id"], lines=1)


def test_a_hanging_worker_is_replaced_and_holds_no_job_up_for_long(own: Stack, user: GalaxyUser, history: str) -> None:
    hanging = own.part("worker")["pid"]
    os.kill(hanging, signal.SIGSTOP)
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])
    _restarted(own, "worker", hanging)
    assert "no longer answered" in own.nebulab("logs", "supervisor").stdout


def _doctor(stack: Stack) -> str:
    checks: list[dict[str, str]] = json.loads(stack.nebulab("doctor", "--json", check=False).stdout)
    return next(check["found"] for check in checks if check["name"] == "worker")


def _all_gone(folder: Path) -> None:
    shutil.rmtree(folder)


def _tasks_gone(folder: Path) -> None:
    (folder / "tasks").unlink()


def _alive_a_folder(folder: Path) -> None:
    (folder / "alive").unlink()
    (folder / "alive").mkdir()


def _both_files(folder: Path) -> None:
    for name in ("tasks", "alive"):
        (folder / name).unlink()
        (folder / name).write_bytes(os.urandom(1000))


@pytest.mark.parametrize("harm", [_all_gone, _tasks_gone, _alive_a_folder, _both_files])
def test_a_broken_folder_is_healed(own: Stack, user: GalaxyUser, history: str, harm: Callable[[Path], None]) -> None:
    folder = own.data_dir / "worker"
    serving = own.part("worker")["pid"]
    harm(folder)
    assert "does not answer" in _doctor(own)
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])
    _restarted(own, "worker", serving)
    assert _doctor(own) == "answers"
    restarts = own.part("worker")["restarts"]
    answer = _fetch(user, history, _pasted())
    Frozen(own).go_on()
    _is_good(user, answer["outputs"][0]["id"])
    assert own.part("worker")["restarts"] == restarts


def test_a_full_disk_is_told_and_the_upload_can_be_repeated(
    own: Stack, user: GalaxyUser, history: str, small_disk: Path
) -> None:
    if not os.path.ismount(small_disk):
        pytest.skip("only root may mount a small disk")
    # With other line ends it is written once more.
    large = b"1\t2\r\n" * (10 * MEGABYTE)

    def upload() -> dict[str, Any]:
        element = _file("tabular", to_posix_lines=True)
        return _fetch(user, history, element, files={"files_0|file_data": ("large.tsv", large)})

    answer = upload()
    frozen = Frozen(own)
    filler = _fill(small_disk, but=20 * MEGABYTE)
    frozen.go_on()
    wait_for("the end of the upload", lambda: not any(one.is_running() for one in (*frozen.keepers, *frozen.tasks)))
    # Galaxy's database has no room either, and Galaxy notes a job's end once, when it comes.
    time.sleep(10)
    filler.unlink()
    assert user.wait_job(answer["jobs"][0]["id"])["state"] == "error"
    assert user.wait_dataset(answer["outputs"][0]["id"])["state"] == "error"
    assert user.wait_dataset(upload()["outputs"][0]["id"])["state"] == "ok"


def test_a_job_whose_end_galaxy_could_not_note_is_failed(own: Stack, user: GalaxyUser, history: str) -> None:
    """As a disk leaves it that is full in the instant in which Galaxy notes the end, once."""
    script = user.upload(history, "print('done')", "quick.py", "txt")["id"]
    answer = user.run_tool(history, "run_jupyter_job", {"select_file": {"src": "hda", "id": script}})
    job = answer["jobs"][0]["id"]
    assert user.wait_job(job)["state"] == "ok"
    with contextlib.closing(sqlite3.connect(own.data_dir / "galaxy" / "universe.sqlite", timeout=60)) as database:
        (number,) = database.execute("SELECT max(id) FROM job").fetchone()
        database.execute("UPDATE job SET state = 'running' WHERE id = ?", (number,))
        database.execute(
            "UPDATE dataset SET state = 'running' WHERE id IN (SELECT hda.dataset_id FROM history_dataset_association "
            "hda JOIN job_to_output_dataset output ON output.dataset_id = hda.id WHERE output.job_id = ?)",
            (number,),
        )
        database.execute(
            "UPDATE dataset_collection SET populated_state = 'new' WHERE id IN (SELECT hdca.collection_id FROM "
            "history_dataset_collection_association hdca JOIN job_to_output_dataset_collection output "
            "ON output.dataset_collection_id = hdca.id WHERE output.job_id = ?)",
            (number,),
        )
        database.commit()
    assert user.job(job)["state"] == "running"
    wait_for("its end", lambda: user.job(job)["state"] == "error")
    for output in answer["outputs"]:
        dataset = user.wait_dataset(output["id"])
        assert dataset["state"] == "error"
        assert "could not note this job's end" in dataset["misc_info"]
    for collection in answer["output_collections"]:
        shown = user.get(f"dataset_collections/{collection['id']}")
        assert shown["populated_state"] == "failed"
        assert "Free some space" in shown["populated_state_message"]
    again = user.run_tool(history, "run_jupyter_job", {"select_file": {"src": "hda", "id": script}})
    assert user.wait_job(again["jobs"][0]["id"])["state"] == "ok"
    # One whose end is noted is let alone.
    time.sleep(3 * STUCK_SECONDS)
    assert user.job(again["jobs"][0]["id"])["state"] == "ok"


def test_another_python_in_its_folder_is_replaced(own: Stack, user: GalaxyUser, history: str) -> None:
    """Until then jobs fail by it, and say so."""
    serving = own.part("worker")["pid"]
    (own.data_dir / "worker" / "bin" / "python").write_text("garbage")
    _restarted(own, "worker", serving)
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])


LATE = "import time\ntime.sleep(8)\nopen('result.bin', 'wb').write(b'x' * 5_000_000)\n"


def test_a_training_that_finds_the_disk_full_fails(
    own: Stack, user: GalaxyUser, history: str, small_disk: Path
) -> None:
    """Its exit code finds no room either, and Galaxy takes a job without one for a good one."""
    if not os.path.ismount(small_disk):
        pytest.skip("only root may mount a small disk")
    script = user.upload(history, LATE, "late.py", "txt")["id"]
    job = user.run_tool(history, "run_jupyter_job", {"select_file": {"src": "hda", "id": script}})["jobs"][0]["id"]
    wait_for("its start", lambda: user.job(job)["state"] == "running")
    filler = _fill(small_disk)
    time.sleep(20)
    filler.unlink()
    assert user.wait_job(job)["state"] == "error"


def test_long_jobs_hold_no_upload_up(own: Stack, user: GalaxyUser, history: str, tmp_path: Path) -> None:
    script = user.upload(history, "import time\ntime.sleep(300)\n", "long.py", "txt")["id"]
    given = {"select_file": {"src": "hda", "id": script}}
    long = [user.run_tool(history, "run_jupyter_job", given)["jobs"][0]["id"] for _ in range(3)]
    wait_for("two to run", lambda: [user.job(job)["state"] for job in long].count("running") == 2)
    try:
        _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])
        assert [user.job(job)["state"] for job in long].count("running") == 2
    finally:
        for job in long:
            user.gi.make_delete_request(f"{user.url}/api/jobs/{job}")


def test_twenty_uploads_at_once(own: Stack, user: GalaxyUser, history: str) -> None:
    for answer in [_fetch(user, history, _pasted()) for _ in range(20)]:
        _is_good(user, answer["outputs"][0]["id"])


def test_down_amid_uploads_loses_none(own: Stack, user: GalaxyUser, history: str) -> None:
    """What ran is told as failed after the next start, what waited is done then."""
    begun = [_fetch(user, history, _pasted()) for _ in range(20)]
    own.nebulab("down")
    own.nebulab("up", "--detach", "--stuck-minutes", str(STUCK_SECONDS / 60))
    user = _user(own)
    own.proxy_url = own.part("proxy")["address"]
    ended = [user.wait_job(answer["jobs"][0]["id"]) for answer in begun]
    assert {job["state"] for job in ended} <= {"ok", "error"}
    for answer, job in zip(begun, ended, strict=True):
        shown = user.wait_dataset(answer["outputs"][0]["id"])
        assert shown["state"] == job["state"]
        if job["state"] == "ok":
            assert (shown["metadata_data_lines"], user.content(shown["id"])) == (3, LINES.encode())
    # Two have slots; the others had not begun.
    assert len([job for job in ended if job["state"] == "error"]) <= 4
    _is_good(user, _fetch(user, history, _pasted())["outputs"][0]["id"])


def test_its_folder_is_private_and_goes_with_the_stack(own: Stack, user: GalaxyUser) -> None:
    folder = own.data_dir / "worker"
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("tasks", "alive"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    assert own.nebulab("logs", "worker", "-n", "1").stdout
    own.nebulab("down")
    assert [part["state"] for part in stack_parts(own)] == ["stopped"] * 5
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(folder) in (one.info["cmdline"] or [])]
