"""The sandbox, tried with real bubblewrap."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nebulab import seccomp
from nebulab.errors import SettingsError
from nebulab.session.walls import sandbox

bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
Inside = Callable[..., str]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's folder beside a neighbour's, both in a folder that must be hidden."""
    for name in ("mine/work", "neighbour", "inputs", "readable"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data/neighbour/secret").write_text("secret")
    (tmp_path / "data/inputs/dataset_1.dat").write_text("table")
    (tmp_path / "data/inputs/dataset_2.dat").write_text("somebody else's")
    (tmp_path / "data/secrets.json").write_text("secret")
    return tmp_path / "data"


@pytest.fixture
def inside(job: Path) -> Inside:
    """Run Python code in the sandbox of `job`, and return what it printed."""

    def run(code: str, readable: tuple[Path, ...] = (), **environment: str) -> str:
        work = job / "mine/work"
        argv, env = sandbox.command(
            [sys.executable, "-c", textwrap.dedent(code)],
            isolation="bubblewrap",
            writable=[job / "mine"],
            readable=[job / "inputs/dataset_1.dat", *readable],
            hidden=[job],
            environment={"PATH": os.environ["PATH"], "HOME": str(work)} | environment,
            cwd=work,
            memory_mb=40,
        )
        finished = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()

    return run


@pytest.mark.parametrize("variable", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_apptainer_is_told_from_a_container_with_a_network_of_its_own(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    # Its images come from Docker's, and keep their variables.
    assert sandbox.available("container") == "container"
    monkeypatch.setenv(variable, "/srv/nebulab.sif")
    assert sandbox.available("container") == "apptainer"
    assert sandbox.available("none") == "none"


@bubblewrap
def test_its_folders_in_memory_take_a_part_of_it(inside: Inside, job: Path) -> None:
    """All together less than the memory: a kernel is not ended for files alone."""
    code = f"""
        import os
        for place in ("/dev/shm", "/tmp", "/var/tmp", "/run", {str(job)!r}):
            try:
                with open(place + "/big", "wb") as file:
                    for _ in range(4000):
                        file.write(bytes(1 << 14))
            except OSError as error:
                print(error.strerror, os.stat(place + "/big").st_size >> 10)
    """
    sizes = [20 * 1024, 10 * 1024, 640, 640, 640]
    assert inside(code).splitlines() == [f"No space left on device {size}" for size in sizes]


@bubblewrap
def test_devices_are_no_place_for_files(inside: Inside) -> None:
    """They lie in a folder in memory, of half of the machine's."""
    code = """
        import os
        for name in ("/dev/big", "/dev/pts/big", "/dev/folder/big"):
            try:
                os.makedirs(os.path.dirname(name), exist_ok=True)
                open(name, "w").close()
                print("made", name)
            except OSError:
                print("refused")
        import pty; os.write(pty.openpty()[1], b"works"); print("terminals")
    """
    assert inside(code).split() == [*["refused"] * 3, "terminals"]


@bubblewrap
def test_the_strongest_isolation_that_works_is_found_quickly() -> None:
    begun = time.perf_counter()
    assert sandbox.available("auto") == "bubblewrap"
    assert time.perf_counter() - begun < 0.5


def test_a_choice_that_can_not_work_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sandbox.available("none") == "none"
    assert sandbox.available("container") == "container"
    with pytest.raises(SettingsError, match="jail"):
        sandbox.available("jail")
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(SettingsError, match="No permissions"):
        sandbox.available("bubblewrap")
    assert sandbox.available("auto") in {"none", "container"}
    broken.unlink()
    with pytest.raises(SettingsError, match="not on PATH"):
        sandbox.available("bubblewrap")


def test_without_isolation_the_command_is_the_command() -> None:
    for isolation in ("none", "container"):
        argv, environment = sandbox.command(
            ["a", "b"], isolation=isolation, writable=[], readable=[], hidden=[], environment={"X": "1"}, cwd=Path("/")
        )
        assert argv == ["a", "b"]
        assert environment == {"X": "1"}


@bubblewrap
def test_the_job_is_there_and_its_neighbours_are_not(inside: Inside, job: Path) -> None:
    seen = json.loads(
        inside(
            f"""
            import json, os
            from pathlib import Path
            Path("kept").write_text("made inside")
            print(json.dumps({{
                "cwd": os.getcwd(),
                "data": sorted(os.listdir({str(job)!r})),
                "inputs": os.listdir({str(job / "inputs")!r}),
                "input": Path({str(job / "inputs/dataset_1.dat")!r}).read_text(),
                "secrets": os.path.exists({str(job / "secrets.json")!r}),
            }}))
            """
        )
    )
    assert seen == {
        "cwd": str(job / "mine/work"),
        "data": ["inputs", "mine"],
        "inputs": ["dataset_1.dat"],
        "input": "table",
        "secrets": False,
    }
    assert (job / "mine/work/kept").read_text() == "made inside"


@bubblewrap
def test_nothing_outside_the_job_can_be_written(inside: Inside, job: Path) -> None:
    refused = inside(
        f"""
        for path in ("/usr/x", "/etc/x", "/etc/passwd", "/x", {str(job / "inputs/dataset_1.dat")!r},
                     "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", {sys.executable!r}):
            try:
                open(path, "a").close()
            except OSError:
                print("refused")
            else:
                print(path)
        """
    ).split()
    assert refused == ["refused"] * 8
    inside("open('/tmp/nebulab-was-here', 'w').close(); open('/run/nebulab-was-here', 'w').close()")
    assert not Path("/tmp/nebulab-was-here").exists()


@bubblewrap
def test_places_for_data_and_logs_are_empty(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        import os
        for folder in ("/srv", "/mnt", "/media", "/data", "/opt", "/var/log", "/var/spool", "/var/backups"):
            left = [os.path.join(here, name) for here, _, names in os.walk(folder) for name in names]
            print(*left, sep="\\n", end="")
        for path in ("/proc/keys", "/proc/timer_list", "/etc/shadow"):
            try:
                print(open(path).read(), end="")
            except OSError:
                pass
    """
    assert Path("/var/log").is_dir()
    with _in_srv() as secret:
        assert inside(code) == ""
        if secret:
            assert inside(f"print(open({str(secret)!r}).read())", readable=(secret.parent,)) == "secret"


@contextlib.contextmanager
def _in_srv() -> Iterator[Path | None]:
    """A file in /srv, or None if this user may not write there."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="nebulab-test-", dir="/srv"))
    except OSError:
        yield None
        return
    (folder / "secret").write_text("secret")
    yield folder / "secret"
    shutil.rmtree(folder)


@bubblewrap
def test_what_others_of_the_machine_may_not_read_root_does_not_show(
    inside: Inside, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session of root's owns `/etc/shadow`, whatever the file's rights."""
    system = job / "readable"
    for name, mode in (("passwd", 0o644), ("shadow", 0o640), ("ssh/key", 0o600), ("private/key", 0o644)):
        (system / name).parent.mkdir(exist_ok=True)
        (system / name).write_text("text")
        (system / name).chmod(mode)
    (system / "private").chmod(0o700)
    monkeypatch.setattr(sandbox, "_ROOTS_TREE", str(system))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    code = f"""
        import os
        for path in ("passwd", "shadow", "ssh/key"):
            try:
                print(path, open(os.path.join({str(system)!r}, path)).read())
            except PermissionError:
                print(path, "refused")
        print(os.listdir(os.path.join({str(system)!r}, "private")))
    """
    found = inside(code, readable=(system,)).splitlines()
    assert found == ["passwd text", "shadow refused", "ssh/key refused", "[]"]


@bubblewrap
def test_programs_on_path_are_there_with_their_libraries(
    inside: Inside, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = job / "opt" / "tool"
    for name in ("bin/program", "lib/library.so", "pyvenv.cfg", "secrets/key", "extra/lib.so", "ca.pem"):
        (tool / name).parent.mkdir(exist_ok=True, parents=True)
        (tool / name).write_text(name)
    monkeypatch.setattr(sandbox, "_DATA", (str(job / "opt"),))
    code = f"""
        import os
        tool = {str(tool)!r}
        paths = [os.path.join(here, name) for here, _, names in os.walk(tool) for name in names]
        print(sorted(os.path.relpath(path, tool) for path in paths))
    """
    variables = {
        "PATH": f"{os.environ['PATH']}:{tool / 'bin'}",
        "LD_LIBRARY_PATH": str(tool / "extra"),
        "SSL_CERT_FILE": str(tool / "ca.pem"),
    }
    found = "['bin/program', 'ca.pem', 'extra/lib.so', 'lib/library.so', 'pyvenv.cfg']"
    assert inside(code, **variables) == found


@bubblewrap
def test_calls_that_no_notebook_needs_are_refused(inside: Inside) -> None:
    """And threads, children, sockets, `ptrace` and io's own calls are not."""
    if missing := seccomp.why_not():
        pytest.skip(missing)
    seen = json.loads(
        inside(
            """
            import ctypes, errno, json, os, platform, socket, subprocess, threading
            from concurrent.futures import ProcessPoolExecutor
            libc = ctypes.CDLL(None, use_errno=True)
            numbers = {"x86_64": {"unshare": 272, "mount": 165, "keyctl": 250, "add_key": 248, "bpf": 321,
                                  "perf_event_open": 298, "userfaultfd": 323, "syslog": 103, "setns": 308,
                                  "open_by_handle_at": 304, "io_uring_setup": 425, "clone3": 435, "mbind": 237,
                                  "clone": 56, "ptrace": 101},
                       "aarch64": {"unshare": 97, "mount": 40, "keyctl": 219, "add_key": 217, "bpf": 280,
                                   "perf_event_open": 241, "userfaultfd": 282, "syslog": 116, "setns": 268,
                                   "open_by_handle_at": 265, "io_uring_setup": 425, "clone3": 435, "mbind": 235,
                                   "clone": 220, "ptrace": 117}}[platform.machine()]
            arguments = {"clone": (0x10000000 | 17,), "unshare": (0x20000000,), "ptrace": (16, 999999)}
            seen = {}
            for name, number in numbers.items():
                given = arguments.get(name, ())
                outcome = libc.syscall(number, *given, *[0] * (6 - len(given)))
                seen[name] = errno.errorcode[ctypes.get_errno()] if outcome < 0 else outcome
            thread = threading.Thread(target=seen.update, args=({"thread": "ran"},))
            thread.start()
            thread.join()
            seen["child"] = subprocess.run(["/bin/echo", "ran"], capture_output=True, text=True).stdout.strip()
            for family in (socket.AF_ALG, socket.AF_VSOCK, socket.AF_INET, socket.AF_UNIX):
                kind = socket.SOCK_SEQPACKET if family == socket.AF_ALG else socket.SOCK_STREAM
                try:
                    socket.socket(family, kind).close()
                    seen[family.name] = "made"
                except OSError as error:
                    seen[family.name] = errno.errorcode[error.errno]
            print(json.dumps(seen))
            """
        )
    )
    refused = ("unshare", "mount", "keyctl", "add_key", "bpf", "perf_event_open", "userfaultfd", "syslog", "setns")
    assert {name: seen[name] for name in (*refused, "open_by_handle_at", "clone")} == dict.fromkeys(
        (*refused, "open_by_handle_at", "clone"), "EPERM"
    )
    assert seen["io_uring_setup"] == seen["clone3"] == "ENOSYS"
    assert seen["mbind"] == 0
    assert seen["ptrace"] == "ESRCH"
    assert (seen["thread"], seen["child"]) == ("ran", "ran")
    families = {name: seen[name] for name in ("AF_ALG", "AF_VSOCK", "AF_INET", "AF_UNIX")}
    assert families == dict.fromkeys(("AF_ALG", "AF_VSOCK"), "EAFNOSUPPORT") | dict.fromkeys(
        ("AF_INET", "AF_UNIX"), "made"
    )


def test_in_apptainer_the_filter_is_set_by_itself(job: Path) -> None:
    if missing := seccomp.why_not():
        pytest.skip(missing)
    code = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.unshare(0x10000000), os.strerror(ctypes.get_errno()), os.environ["MARK"], os.getcwd())
    """
    argv, environment = sandbox.command(
        [sys.executable, "-c", textwrap.dedent(code)],
        isolation="apptainer",
        writable=[],
        readable=[],
        hidden=[],
        environment={"MARK": "kept", "PATH": os.environ["PATH"]},
        cwd=job,
    )
    finished = subprocess.run(argv, env=environment, cwd=job, capture_output=True, text=True, timeout=30)
    assert finished.stdout.split() == ["-1", "Operation", "not", "permitted", "kept", str(job)], finished.stderr


@bubblewrap
def test_without_a_filter_for_the_machine_the_sandbox_is_made_all_the_same(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert seccomp.why_not() == "there is no filter for abacus"
    assert inside("print('runs')") == "runs"


@bubblewrap
def test_other_processes_and_rights_are_not_there(inside: Inside) -> None:
    seen = json.loads(
        inside(
            """
            import json, os
            lines = open("/proc/self/status").read().splitlines()
            status = dict(line.split(":\\t") for line in lines if ":\\t" in line)
            print(json.dumps({"pids": [p for p in os.listdir("/proc") if p.isdigit()], "caps": status["CapEff"].strip(),
                              "bounding": status["CapBnd"].strip(), "new": status["NoNewPrivs"].strip()}))
            """
        )
    )
    assert len(seen["pids"]) <= 3
    assert int(seen["caps"], 16) == 0
    assert seen["new"] == "1"


@bubblewrap
def test_secrets_are_in_the_environment_and_in_no_command_line(job: Path) -> None:
    argv, environment = sandbox.command(
        ["true"], isolation="bubblewrap", writable=[job], readable=[], hidden=[], environment={"T": "tok"}, cwd=job
    )
    assert "tok" not in " ".join(argv)
    assert environment == {"T": "tok"}


@bubblewrap
def test_the_environment_is_exactly_what_was_given(inside: Inside) -> None:
    seen = json.loads(inside("import os, json; print(json.dumps(dict(os.environ)))", TOKEN="tok"))
    assert set(seen) <= {"PATH", "HOME", "TOKEN", "PWD", "LC_CTYPE"}
    assert seen["TOKEN"] == "tok"


@bubblewrap
def test_shared_memory_is_larger_than_docker_gives(inside: Inside) -> None:
    assert inside(
        """
        from multiprocessing.shared_memory import SharedMemory
        memory = SharedMemory(create=True, size=200 * 2**20)
        memory.buf[-1] = 7
        print(memory.buf[-1])
        memory.close(); memory.unlink()
        """
    ).startswith("7")


@bubblewrap
def test_devices_and_network_names_work(inside: Inside) -> None:
    devices = sorted(path.name for path in Path("/dev").glob("nvidia*"))
    seen = inside("import glob; print(*sorted(glob.glob('/dev/nvidia*')))")
    assert [Path(path).name for path in seen.split()] == devices
    assert inside("print(open('/etc/resolv.conf').read())") == Path("/etc/resolv.conf").read_text().strip()
    assert inside("open('/dev/null', 'w').write('x'); print(len(open('/dev/urandom', 'rb').read(3)))") == "3"


@bubblewrap
def test_what_a_link_in_a_hidden_folder_leads_to_is_in_its_place(inside: Inside, job: Path) -> None:
    (job / "readable/file").write_text("here")
    (job / "link").symlink_to(job / "readable")
    assert inside(f"print(open({str(job / 'link/file')!r}).read())", readable=(job / "link",)) == "here"


@bubblewrap
def test_an_interpreter_in_a_home_runs(inside: Inside) -> None:
    assert inside("import nebulab, ssl, json; print('runs')") == "runs"


def test_an_environment_is_found_with_its_interpreter() -> None:
    folders = sandbox.interpreter_folders(Path(sys.prefix))
    assert folders[0] == Path(sys.prefix)
    if Path(sys.base_prefix) != Path("/usr"):
        assert Path(os.path.realpath(sys.base_prefix)) in folders


@bubblewrap
def test_the_sandbox_ends_with_its_session(job: Path) -> None:
    """The session process is killed: what it started in the sandbox must be gone."""
    code = """
        import subprocess, sys, time
        from pathlib import Path
        from nebulab.session.walls import sandbox
        argv, env = sandbox.command(["sleep", "1000.25"], isolation="bubblewrap", writable=[], readable=[], hidden=[],
                                    environment={"PATH": "/usr/bin:/bin"}, cwd=Path("/"))
        child = subprocess.Popen(argv, env=env)
        print(child.pid, flush=True)
        time.sleep(1000)
    """
    session = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert session.stdout
    child = int(session.stdout.readline())
    time.sleep(0.3)
    session.kill()
    session.wait()
    session.stdout.close()
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
