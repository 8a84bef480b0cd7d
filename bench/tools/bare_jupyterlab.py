"""Starts a bare `jupyter lab` and reports its port to Galaxy: the least that an interactive tool can do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]

options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.allow_remote_access=True"]
server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options])
signal.signal(signal.SIGTERM, lambda *_: server.terminate())
while server.poll() is None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
            break
    except (urllib.error.URLError, OSError):
        time.sleep(0.02)

home = os.environ.get("_GALAXY_JOB_HOME_DIR")
job = Path(home).parent if home else Path.cwd().parent
report = {"8888": {"tool_port": 8888, "host": "127.0.0.1", "port": port, "protocol": "tcp"}}
temporary = job / "container_runtime.json.new"
temporary.write_text(json.dumps(report))
temporary.rename(job / "container_runtime.json")
server.wait()
