"""The other side of `spy`: a session that has its mark everywhere where a neighbour might look."""

from __future__ import annotations

EVERYWHERE = """
import ctypes, os, socket, threading, time
mark = {mark!r}
os.environ["MARK"] = mark
for place in ("/tmp", "/var/tmp", "/dev/shm", ".", "outputs"):
    try:
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, mark), "w") as file:
            file.write(mark)
    except OSError:
        pass
libc = ctypes.CDLL(None, use_errno=True)
memory = libc.shmget(42, 4096, 0o1666)
if memory >= 0:
    libc.shmat.restype = ctypes.c_void_p
    ctypes.memmove(libc.shmat(memory, None, 0), mark.encode(), len(mark))
if os.uname().machine == "x86_64":
    libc.syscall(248, b"user", b"nebulab-test", mark.encode(), len(mark), -4)
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", mark], env=os.environ)
print("marked", flush=True)
"""

SAY = """
import time
until = time.monotonic() + {seconds}
while time.monotonic() < until:
    print({mark!r}, flush=True)
    time.sleep(0.1)
"""
