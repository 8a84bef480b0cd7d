"""The system calls that sessions in bubblewrap are refused, and seccomp filters made of the list; runs in a checkout.

`python -m nebulab.develop.seccomp_filters` has libseccomp write them anew. Docker's default profile
(`seccomp/default.json` in moby/profiles) is the model: refused is what it refuses a container without capabilities.
Unlike it, this is a list of what is refused: a call that a newer kernel adds is allowed. Not refused either are calls
on a process's own memory and processors (`mbind`, `move_pages`, `set_mempolicy`, `process_madvise`), which frameworks
make on large machines, `personality`, with which debuggers switch address randomisation off, and `ptrace`, which
reaches the session's own processes only.
"""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Any

from nebulab import seccomp

COMMAND = ".venv/bin/python -m nebulab.develop.seccomp_filters"
"""What writes the filters anew."""
MACHINES = {"x86_64": ("X86_64", "X86"), "aarch64": ("AARCH64", "ARM")}
"""`platform.machine()`, and libseccomp's names of it and of its 32-bit programs."""

_NAMESPACES_AND_MOUNTS = (
    *("chroot", "pivot_root", "setns", "unshare"),
    *("mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree"),
    *("fsconfig", "fsmount", "fsopen", "fspick"),
    *("quotactl", "quotactl_fd", "swapon", "swapoff"),
)
_MACHINE = (
    *("acct", "reboot", "kexec_load", "kexec_file_load", "sethostname", "setdomainname", "vhangup"),
    *("init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms"),
    *("ioperm", "iopl", "nfsservctl", "sysfs", "_sysctl", "uselib", "ustat", "vm86", "vm86old"),
    *("clock_settime", "clock_settime64", "settimeofday", "stime"),
    *("syslog", "lookup_dcookie", "fanotify_init", "perf_event_open", "bpf"),
)
# Keyrings are not in any namespace: another session of this user could read what lies in them.
_KEYRINGS = ("add_key", "keyctl", "request_key")
# Ways of many faults in the kernel, or past a file's rights.
_DANGEROUS = ("kcmp", "open_by_handle_at", "pidfd_getfd", "userfaultfd")
# libuv and liburing look for ENOSYS, as does glibc for `clone3`, whose flags no filter can read.
_ABSENT = ("clone3", "io_uring_enter", "io_uring_register", "io_uring_setup")

DENIED = (*_NAMESPACES_AND_MOUNTS, *_MACHINE, *_KEYRINGS, *_DANGEROUS)
"""Refused with EPERM."""

# CLONE_NEW…: cgroup, uts, ipc, user, pid, net, and mount (sched.h).
_NEW_NAMESPACES = (0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00020000)
# Machines' sockets to their host, and the kernel's ciphers (socket.h).
_FAMILIES = {"AF_ALG": 38, "AF_VSOCK": 40}


def program(machine: str) -> bytes:
    """Return the filter for `machine`.

    Raises
    ------
    RuntimeError
        libseccomp is not there.
    """
    import pyseccomp as library

    rules = library.SyscallFilter(library.ALLOW)
    # A call in the way of another processor, as of x32: no such call, and not the end of the process.
    rules.set_attr(library.Attr.ACT_BADARCH, library.ERRNO(errno.ENOSYS))
    wanted = [getattr(library.Arch, name) for name in MACHINES[machine]]
    for arch in wanted:
        if not rules.exist_arch(arch):
            rules.add_arch(arch)
    if library.system_arch() not in wanted:
        rules.remove_arch(library.Arch.NATIVE)
    _refuse(rules, library)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _refuse(rules: Any, library: Any) -> None:
    refused, absent = library.ERRNO(errno.EPERM), library.ERRNO(errno.ENOSYS)
    for name in DENIED:
        rules.add_rule(refused, name)
    for name in _ABSENT:
        rules.add_rule(absent, name)
    for flag in _NEW_NAMESPACES:
        rules.add_rule(refused, "clone", library.Arg(0, library.MASKED_EQ, flag, flag))
    for family in _FAMILIES.values():
        rules.add_rule(library.ERRNO(errno.EAFNOSUPPORT), "socket", library.Arg(0, library.EQ, family))


def main() -> None:
    """Write all filters."""
    for machine in MACHINES:
        (Path(seccomp.__file__).parent / f"{machine}.bpf").write_bytes(program(machine))


if __name__ == "__main__":
    main()
