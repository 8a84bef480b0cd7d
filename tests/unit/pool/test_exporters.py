"""Pages of the two GPU exporters, in the shape that their documentation shows; served over real HTTP."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

import httpx
import pytest

from nebulab.pool import exporters
from nebulab.pool.pool import Gpus

DCGM = """
# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 87
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b",device="nvidia1",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 0
DCGM_FI_DEV_GPU_UTIL{gpu="2",UUID="GPU-c",device="nvidia2",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 0
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 31000
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 9536
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-b",device="nvidia1",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 12
DCGM_FI_DEV_FB_FREE{gpu="1",UUID="GPU-b",device="nvidia1",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 40524
DCGM_FI_DEV_XID_ERRORS{gpu="2",UUID="GPU-c",device="nvidia2",modelName="NVIDIA A100-SXM4-40GB",Hostname="gpu1"} 79
"""
MIG = """
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",modelName="A100",GPU_I_PROFILE="1g.5gb",GPU_I_ID="7",Hostname="gpu1"} 3
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",modelName="A100",GPU_I_PROFILE="1g.5gb",GPU_I_ID="7",Hostname="gpu1"} 4861
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",modelName="A100",GPU_I_PROFILE="1g.5gb",GPU_I_ID="8",Hostname="gpu1"} 4000
"""
SMI = """
nvidia_smi_gpu_info{uuid="x",name="Tesla T4",driver_version="580.65"} 1
nvidia_smi_utilization_gpu_ratio{uuid="x"} 0.25
nvidia_smi_memory_total_bytes{uuid="x"} 1.6106127360e+10
nvidia_smi_memory_used_bytes{uuid="x"} 0
go_goroutines 9
"""


def test_dcgm_with_a_gpu_at_work_one_idle_and_one_lost() -> None:
    (node,) = exporters.parse(DCGM, host="away")
    assert node.name == "gpu1"
    assert node.gpus == (Gpus("NVIDIA A100-SXM4-40GB", 3, busy=1, down=1, memory_mb=40_536, percent=29.0),)


def test_slices_of_a_gpu_are_counted_as_what_they_are() -> None:
    (node,) = exporters.parse(MIG, host="away")
    assert node.gpus == (Gpus("A100 1g.5gb", 2, busy=1, memory_mb=4864),)


def test_nvidia_gpu_exporter_on_the_machine_that_was_asked() -> None:
    (node,) = exporters.parse(SMI, host="gpu7")
    assert (node.name, node.gpus) == ("gpu7", (Gpus("Tesla T4", 1, busy=1, memory_mb=15_360, percent=25.0),))


@pytest.fixture
def served() -> Iterator[str]:
    pages = {"/metrics": DCGM, "/html": "<html>no metrics</html>", "/long": "# x\n" * (5 << 20)}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(200 if page else 503)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write((page or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_one_that_fails_is_told_and_the_others_count(served: str) -> None:
    addresses = [f"{served}/{page}" for page in ("metrics", "away", "html", "long")]
    async with httpx.AsyncClient() as client:
        pool = await exporters.read([*addresses, "http://127.0.0.1:1/metrics"], client=client)
    assert [node.name for node in pool.nodes] == ["gpu1"]
    assert len(pool.troubles) == 4
    assert "503" in pool.troubles[0]
    assert "text format" in pool.troubles[1]
    assert "longer than 16 MiB" in pool.troubles[2]
    assert not any("secret" in trouble for trouble in pool.troubles)
