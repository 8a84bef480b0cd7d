"""Every claim of docs/gpu.md that a machine with a GPU can show: `python tests/gpu/check.py [--json FILE]`.

Needs no network and no installation: the Python that runs it has the frameworks (PyTorch, JAX, TensorFlow, ONNX
Runtime, whichever), Nebulab comes from this checkout. What a machine lacks is told as not tried. It ends within eight
minutes; each claim has a process of its own, and a time limit. Exit code 0: all that was tried was seen; 1: something
was not; 77: no GPU, which is no pass.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parents[2] / "src"
sys.path.insert(0, str(SOURCES))

from nebulab.accelerators import asking, caps, frameworks  # noqa: E402 - from this checkout
from nebulab.accelerators.diagnosis import Seen  # noqa: E402

NO_GPU = 77
CAP_MB = 3000
CAP_TOLERANCE = 1.05
SECONDS = 60.0
WHOLE_SECONDS = 460.0


@dataclass
class Result:
    """One claim: `seen` is None where it was not tried, and `figure` says why, or what was measured."""

    claim: str
    seen: bool | None
    figure: str
    seconds: float = 0.0
    on_gpu: bool = True
    """Whether something has to compute on the GPU for it."""


class Missing(Exception):
    """The machine lacks what a claim needs."""


def needs(*modules: str) -> None:
    """Raise Missing unless all of them can be imported."""
    lacking = [name for name in modules if importlib.util.find_spec(name) is None]
    if lacking:
        raise Missing(f"no {', '.join(lacking)} here")


def start(code: str, **variables: str) -> subprocess.Popen[str]:
    """Start Python code of its own process; its last line of output is JSON."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "TF_CPP_MIN_LOG_LEVEL": "2"} | variables
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def told(process: subprocess.Popen[str]) -> Any:
    """Wait for a process of `start` and return what it told."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        raise RuntimeError(f"it did not end within {SECONDS:.0f} s") from None
    if process.returncode:
        raise RuntimeError((err.strip().splitlines() or [f"exit code {process.returncode}"])[-1][:300])
    return json.loads(out.strip().splitlines()[-1])


def run(code: str, **variables: str) -> Any:
    """Return what Python code tells in a process of its own."""
    return told(start(code, **variables))


# --- the claims: each yields a name, whether it was seen, and a figure ---

Claim = Iterator[tuple[str, bool, str]]

TORCH = """
import json, torch
ones = torch.ones((512, 512), device="cuda")
print(json.dumps({"sum": float((ones @ ones).sum()), "device": str(ones.device)}))
"""
JAX = """
import json, jax, jax.numpy as jnp
ones = jnp.ones((512, 512))
print(json.dumps({"sum": float((ones @ ones).sum()), "device": jax.devices()[0].platform}))
"""


def views(seen: Seen) -> Claim:
    """The doctor's question to each framework."""
    for name, title in frameworks.FRAMEWORKS.items():
        view = frameworks.view(name, Path(sys.executable), seconds=SECONDS)
        if view.installed:
            well = view.works and (view.device == "GPU" or not view.cuda_build)
            figure = f"{view.version}, {view.error or 'right'}"
            yield f"doctor: {title} computes on {view.device or 'nothing'}", well, figure


# Takes blocks of 64 MiB until the framework refuses one, and tells how many it got.
FILL_TORCH = """
import json, torch
blocks, refused = [], ""
try:
    while len(blocks) < 4096: blocks.append(torch.ones(64 << 20, dtype=torch.uint8, device="cuda"))
except torch.OutOfMemoryError as error: refused = type(error).__name__
print(json.dumps({"mb": 64 * len(blocks), "refused": refused}))
"""
FILL_JAX = """
import json, jax, jax.numpy as jnp
blocks, refused = [], ""
try:
    while len(blocks) < 4096: blocks.append(jnp.ones(64 << 20, dtype=jnp.uint8).block_until_ready())
except Exception as error: refused = str(error).split(":")[0]
print(json.dumps({"mb": 64 * len(blocks), "refused": refused}))
"""
FILL_TENSORFLOW = """
import json, tensorflow as tf
blocks, refused = [], ""
try:
    while len(blocks) < 4096: blocks.append(tf.ones(64 << 20, dtype=tf.uint8))
except tf.errors.ResourceExhaustedError as error: refused = type(error).__name__
print(json.dumps({"mb": 64 * len(blocks), "refused": refused}))
"""


def caps_reached(seen: Seen) -> Claim:
    """What a process may take of the GPU's memory, and no more."""
    variables = caps.variables(seen, CAP_MB, {})
    for name, fill in (("torch", FILL_TORCH), ("jax", FILL_JAX), ("tensorflow", FILL_TENSORFLOW)):
        if importlib.util.find_spec(name) is None:
            continue
        # In a session a line of the environment imports it at every start.
        result = run("import nebulab.accelerators.startup\n" + fill, **variables)
        well = bool(result["refused"]) and CAP_MB * 0.7 < result["mb"] <= CAP_MB * CAP_TOLERANCE
        figure = f"{result['mb']} of {CAP_MB} MB, then {result['refused'] or 'no error'}"
        yield f"cap: {frameworks.FRAMEWORKS[name]} stops there", well, figure


FORK = """
import json, os, torch
reading, writing = os.pipe()
if os.fork() == 0:
    ones = torch.ones((512, 512), device="cuda")
    os.write(writing, json.dumps({"sum": float((ones @ ones).sum())}).encode())
    os._exit(0)
os.close(writing)
print(os.read(reading, 1000).decode() or json.dumps({"sum": 0}))
"""
FORKED_KERNEL = """
import asyncio, json, os, sys, tempfile
from pathlib import Path
from nebulab.session.kernels import forking
from jupyter_client.manager import AsyncKernelManager
async def main():
    zygote = forking.begin(sys.executable, os.environ)
    for _ in range(600):
        if zygote.is_ready(): break
        await asyncio.sleep(0.1)
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel(env=dict(os.environ))
    client = manager.client(); client.start_channels(hb=False)
    code = "import torch; ones = torch.ones((512, 512), device='cuda'); told = float((ones @ ones).sum())"
    asked = client.execute(code, user_expressions={"told": "told"})
    while (reply := await client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != asked: pass
    forked = type(manager.provisioner.process).__name__ == "Forked"
    told = reply["content"]["user_expressions"]["told"]["data"]["text/plain"]
    client.stop_channels(); await manager.shutdown_kernel(now=True)
    print(json.dumps({"sum": float(told), "forked": forked}))
asyncio.run(main())
"""
PRODUCT = 512.0**3


def forked(seen: Seen) -> Claim:
    """A kernel is a fork of a process that has imported PyTorch and has not touched the GPU."""
    needs("torch")
    result = run(FORK)
    yield "fork: PyTorch, imported before, computes on the GPU", result["sum"] == PRODUCT, f"sum {result['sum']:g}"
    needs("ipykernel", "jupyter_client")
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "kernels" / "python3"
        spec.mkdir(parents=True)
        provisioner = {"kernel_provisioner": {"provisioner_name": "nebulab-forking"}}
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / "kernel.json").write_text(
            json.dumps({"argv": argv, "display_name": "Python", "language": "python", "metadata": provisioner})
        )
        result = run(FORKED_KERNEL, JUPYTER_PATH=folder, NEBULAB_PRELOAD="torch")
    well = result["forked"] and result["sum"] == PRODUCT
    yield "fork: a kernel from the zygote computes on the GPU", well, str(result)


HOLD = """
import json, sys, time, torch
held = torch.ones(1 << 30, dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.readline()
ones = torch.ones((512, 512), device="cuda")
print(json.dumps({"sum": float((ones @ ones).sum()), "held": held.numel()}))
"""


def shared(seen: Seen) -> Claim:
    """Two kernels compute on one GPU side by side, and no framework takes all of it at once."""
    needs("torch")
    variables = caps.variables(seen, None, {})
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = run(JAX if importlib.util.find_spec("jax") else TORCH, **variables)
        out, _ = first.communicate("go\n", timeout=SECONDS)
    finally:
        first.kill()
        first.wait()
    result = json.loads(out.splitlines()[-1])
    well = second["sum"] == PRODUCT and second["device"] != "cpu" and result["sum"] == PRODUCT
    yield "two processes share one GPU", well, f"PyTorch holds 1 GB, beside it {second['device']}"


def fallback(seen: Seen) -> Claim:
    """Where no GPU can be used, everything computes on the processor and nothing crashes."""
    hidden = asking.ask({**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(SOURCES)}).seen()
    causes = [finding.cause.name for finding in hidden.findings]
    yield "hidden: the doctor says so", causes == ["HIDDEN"], ", ".join(causes)
    for name in ("torch", "jax"):
        if importlib.util.find_spec(name) is None:
            continue
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": ""}
        view = frameworks.view(name, Path(sys.executable), seconds=SECONDS, environment=environment)
        well = view.works and view.device == "CPU"
        yield f"hidden: {view.title} computes on the processor", well, view.error or "right"
    with tempfile.TemporaryDirectory() as folder:
        for library in ("libcuda.so.1", "libnvidia-ml.so.1"):
            (Path(folder) / library).write_bytes(b"broken")
        broken = {**os.environ, "LD_LIBRARY_PATH": folder, "PYTHONPATH": str(SOURCES)}
        found = asking.ask(broken).seen()
        variables = caps.fallback(found)
        reason = found.findings[0].text if found.findings else "nothing"
        yield "broken library: the doctor tells it", bool(found.findings), reason
        for name in ("torch", "jax"):
            if importlib.util.find_spec(name) is None:
                continue
            environment = broken | (variables or {"JAX_PLATFORMS": "cpu"})
            view = frameworks.view(name, Path(sys.executable), seconds=SECONDS, environment=environment)
            well = view.works and view.device == "CPU"
            yield f"broken library: {view.title} computes on the processor", well, view.error or "right"


USAGE = """
import json, os, sys, time
from nebulab.notebooks.usage import Usage
usage = Usage(); usage.start(os.getpid())
import torch
held = torch.ones(2 << 30, dtype=torch.uint8, device="cuda")
for _ in range(40):
    held = held.float()[: 1 << 20].byte().repeat(1); torch.cuda.synchronize(); time.sleep(0.1)
usage.sample(); usage.stop()
print(json.dumps({"peak": usage.peak_gpu_memory, "text": usage.text(), "gpus": usage.gpus}))
"""


def figures(seen: Seen) -> Claim:
    """What `nebulab run` writes after each cell."""
    needs("torch", "psutil", "pynvml")
    result = run(USAGE)
    yield "figures of a run, with the peak", (result["peak"] or 0) > 2 << 30, result["text"]


PREDICT = """
import json, tempfile, numpy, onnxruntime, torch
from nebulab.models.predictor import Predictor
net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3)).eval()
path = tempfile.mktemp(suffix=".onnx")
torch.onnx.export(net, (torch.zeros(4, 64),), path, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
if hasattr(onnxruntime, "preload_dlls"): onnxruntime.preload_dlls()
data = numpy.random.default_rng(0).normal(size=(32, 64)).astype("float32")
predictor = Predictor(path)
difference = float(abs(predictor.predict(data) - net(torch.tensor(data)).detach().numpy()).max())
print(json.dumps({"device": predictor.device, "difference": difference}))
"""


def predictor(seen: Seen) -> Claim:
    """Nebulab's predictor on ONNX Runtime's build for GPUs."""
    needs("onnxruntime", "torch", "onnx")
    providers = run("import json, onnxruntime; print(json.dumps(onnxruntime.get_available_providers()))")
    if "CUDAExecutionProvider" not in providers:
        raise Missing("ONNX Runtime here is built without CUDA")
    result = run(PREDICT)
    well = result["device"] == "GPU" and result["difference"] < 1e-3
    yield "predictor computes on the GPU", well, f"{result['device']}, differs by {result['difference']:.1e}"


TRAIN = """
import json, sys, time, torch
torch.manual_seed(0)
device = sys.argv[1] if len(sys.argv) > 1 else DEVICE
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU(),
    torch.nn.Conv2d(32, 1, 1),
).to(device)
images = torch.rand(16, 1, 128, 128).to(device)
truth = (images > 0.5).float()
optimizer = torch.optim.Adam(net.parameters(), 1e-2)
def step():
    optimizer.zero_grad(); loss = torch.nn.functional.binary_cross_entropy_with_logits(net(images), truth)
    loss.backward(); optimizer.step(); return float(loss)
step()
began = time.perf_counter(); losses = [step() for _ in range(30)]
print(json.dumps({"seconds": time.perf_counter() - began, "loss": losses[-1]}))
"""


def training(seen: Seen) -> Claim:
    """A small network learns the same on both, and quicker on the GPU."""
    needs("torch")
    gpu, cpu = (run(TRAIN.replace("DEVICE", repr(device))) for device in ("cuda", "cpu"))
    well = abs(gpu["loss"] - cpu["loss"]) < 0.05 and gpu["seconds"] < cpu["seconds"]
    times = cpu["seconds"] / gpu["seconds"]
    figure = f"30 steps {gpu['seconds']:.2f} s against {cpu['seconds']:.2f} s ({times:.0f} times)"
    yield "training: the same loss, quicker", well, f"{figure}, loss {gpu['loss']:.3f} and {cpu['loss']:.3f}"


CLAIMS: tuple[Callable[[Seen], Claim], ...] = (
    views,
    caps_reached,
    forked,
    shared,
    fallback,
    figures,
    predictor,
    training,
)


def results(seen: Seen) -> Iterator[Result]:
    """Try each claim; none keeps the others from being tried."""
    began = time.monotonic()
    for claim in CLAIMS:
        since = time.monotonic()
        if since - began > WHOLE_SECONDS:
            yield Result(claim.__name__, None, "no time was left")
            continue
        try:
            for name, well, figure in claim(seen):
                yield Result(name, well, figure, time.monotonic() - since, on_gpu=claim is not fallback)
                since = time.monotonic()
        except Missing as lacking:
            yield Result(claim.__name__, None, str(lacking))
        except Exception as error:  # noqa: BLE001 - it is the claim's answer
            yield Result(claim.__name__, False, f"{type(error).__name__}: {error}", time.monotonic() - since)


def main() -> int:
    """Print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results there too")
    chosen = parser.parse_args()
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(SOURCES)}
    seen = asking.ask(environment).seen()
    if not seen.look.usable:
        print(f"No GPU: {caps.describe(seen, None)} Nothing was checked, and this is no pass.")
        return NO_GPU
    print(caps.describe(seen, None), flush=True)
    found = []
    for result in results(seen):
        found.append(result)
        mark = {True: "seen", False: "NOT SEEN", None: "not tried"}[result.seen]
        print(f"{mark:10} {result.claim:52} {result.figure} ({result.seconds:.1f} s)", flush=True)
    if chosen.json:
        told_of = {"card": seen.look.names, "driver": seen.look.driver, "cuda": seen.look.cuda}
        chosen.json.write_text(json.dumps(told_of | {"results": [asdict(one) for one in found]}, indent=1))
    return 0 if all(one.seen is not False for one in found) and any(one.seen and one.on_gpu for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
