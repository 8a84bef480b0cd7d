"""A stand-in for JupyterLab in unit tests of the session: answers what the session asks, and dies as told.

`python stand_in_lab.py PORT`, in the working folder; `kernels.json` there is what it lists as kernels.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        file = Path("kernels.json")
        listed = json.loads(file.read_text()) if self.path == "/api/kernels" and file.exists() else []
        body = json.dumps(listed).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """`/end/CODE` ends the server with an exit code, `/kill` with SIGKILL."""
        if self.path == "/kill":
            os.kill(os.getpid(), 9)
        os._exit(int(self.path.removeprefix("/end/")))

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    if "refuse" in sys.argv:
        sys.exit("this server refuses to start")
    Path("lab.json").write_text(json.dumps({"pid": os.getpid(), "environment": dict(os.environ)}))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
