"""The model card: inputs, outputs, versions, code and data of a model, and the proof; runs in the kernel."""

from __future__ import annotations

import datetime
import html
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.models.libraries.base import Library
from nebulab.models.proof import Proof

METADATA_KEY = "nebulab.card"
_METRIC_WORDS = (
    "acc", "accuracy", "auc", "score", "loss", "f1", "precision", "recall", "rmse", "mse", "mae", "r2", "dice", "iou",
    "error", "perplexity",
)  # fmt: skip
_MOST_METRICS = 50
_TOOLS = ("numpy", "onnx", "onnxruntime", "skl2onnx", "tf2onnx", "jax2onnx", "onnxmltools", "nebulab")


def make(
    name: str, model: Any, library: Library, namespace: Mapping[str, Any], proof: Proof | None, reason: str = ""
) -> dict[str, Any]:
    """Return the card as values for JSON; `complete` adds inputs and outputs from the file."""
    return {
        "name": name,
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "kind": library.kind,
        "verified": bool(proof and proof.holds),
        "proof": asdict(proof) if proof else None,
        "reason": reason,
        "inputs": [],
        "outputs": [],
        "metrics": metrics(namespace),
        "versions": versions(library.package),
        "code_sha256": os.environ.get(contract.CODE_SHA256, ""),
        "hardware": hardware(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def complete(card: dict[str, Any], path: Path, features: Any) -> None:
    """Read inputs and outputs from the ONNX file, and write the card into the file's own metadata."""
    import onnx

    onnx_model = onnx.load(str(path))
    _free_rows(onnx_model.graph)
    card["inputs"] = [_signature(value) for value in onnx_model.graph.input]
    card["outputs"] = [_signature(value) for value in onnx_model.graph.output]
    if features:
        card["inputs"][0]["columns"] = [str(feature) for feature in features]
    card["opset"] = {opset.domain or "ai.onnx": opset.version for opset in onnx_model.opset_import}
    entry = next((entry for entry in onnx_model.metadata_props if entry.key == METADATA_KEY), None)
    entry = entry or onnx_model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(card)
    onnx.save(onnx_model, str(path))


def _free_rows(graph: Any) -> None:
    """Free the first axis of the outputs if it is free in all inputs: some converters fix it to 1 for labels."""
    if not all(value.type.HasField("tensor_type") for value in (*graph.input, *graph.output)):
        return
    axes = [value.type.tensor_type.shape.dim for value in graph.input]
    if all(axis and not axis[0].HasField("dim_value") for axis in axes):
        for value in graph.output:
            axis = value.type.tensor_type.shape.dim
            if axis and axis[0].dim_value == 1:
                axis[0].ClearField("dim_value")


def drop_outputs(path: Path, names: list[str]) -> None:
    """Remove outputs from an ONNX file."""
    import onnx

    onnx_model = onnx.load(str(path))
    for output in [output for output in onnx_model.graph.output if output.name in names]:
        onnx_model.graph.output.remove(output)
    onnx.save(onnx_model, str(path))


def write(card: Mapping[str, Any], folder: Path) -> list[str]:
    """Write the card as JSON and as a page; return the paths below the folder's parent."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / str(card["name"])
    paths = [Path(f"{stem}.json"), Path(f"{stem}.html")]
    paths[0].write_text(json.dumps(card, indent=1, ensure_ascii=False))
    paths[1].write_text(page(card))
    return [f"{folder.name}/{path.name}" for path in paths]


def metrics(namespace: Mapping[str, Any]) -> dict[str, float]:
    """Return the globals that are a number and named like a metric; of a list, its last number."""
    by_name: dict[str, float] = {}
    for name, value in namespace.items():
        if not isinstance(name, str) or name.startswith("_"):
            continue
        words = name.lower().replace("-", "_").split("_")
        if not any(word in _METRIC_WORDS for word in words):
            continue
        last = value[-1] if type(value) is list and value else value
        if type(last) in (int, float) or (type(last).__module__ == "numpy" and getattr(last, "shape", None) == ()):
            try:
                by_name[name] = float(last)
            except (TypeError, ValueError):
                continue
        if len(by_name) == _MOST_METRICS:
            break
    return by_name


def versions(package: str) -> dict[str, str]:
    """Return the versions of Python, of the library's package, and of the tools that made the file."""
    by_name = {"python": platform.python_version()}
    for name in (package, *_TOOLS):
        try:
            by_name[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return by_name


def hardware() -> dict[str, Any]:
    """Return the processor, and the GPUs that the job was given."""
    return {
        "machine": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "gpus": os.environ.get(contract.GPUS, "") or "none",
    }


def page(card: Mapping[str, Any]) -> str:
    """Return the card as one self-contained HTML page."""
    proof = card["proof"]
    verdict = "verified against the original" if card["verified"] else f"not verified: {card['reason']}"
    colour = "#1a7f37" if card["verified"] else "#9a3412"
    parts = [
        "<!doctype html><meta charset='utf-8'>",
        f"<title>{html.escape(str(card['name']))}</title>",
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1f2328}"
        "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d0d7de;padding:.3rem .6rem;"
        "text-align:left;vertical-align:top}h2{margin-top:2rem}</style>",
        f"<h1>{html.escape(str(card['name']))}</h1><p>{html.escape(str(card['class']))}</p>",
        f"<p style='color:{colour};font-weight:600'>{html.escape(verdict)}</p>",
    ]
    if proof:
        rows: list[Sequence[str]] = [
            (
                output["output"],
                output["original"],
                "" if output["labels_agree"] is None else f"{output['labels_agree']:.1%} equal",
                "" if output["largest_absolute"] is None else f"{output['largest_absolute']:.3g}",
                "" if output["largest_relative"] is None else f"{output['largest_relative']:.3g}",
            )
            for output in proof["outputs"]
        ]
        parts.append(
            f"<h2>Proof</h2><p>{proof['rows']} rows, {html.escape(proof['sample'])}; {proof['precision']}.</p>"
        )
        parts.append(_table(("output", "compared with", "labels", "largest difference", "of the largest value"), rows))
    for title in ("inputs", "outputs"):
        if card[title]:
            rows = [(output["name"], output["type"], str(output["shape"])) for output in card[title]]
            parts.append(f"<h2>{title.capitalize()}</h2>{_table(('name', 'type', 'shape'), rows)}")
    for title in ("metrics", "versions", "hardware"):
        if card[title]:
            rows = [(str(key), str(value)) for key, value in card[title].items()]
            heading = "Metrics found in the notebook" if title == "metrics" else title.capitalize()
            parts.append(f"<h2>{heading}</h2>{_table(('', ''), rows)}")
    parts.append(f"<p>Code: {html.escape(card['code_sha256'] or 'unknown')}<br>Made {html.escape(card['date'])}</p>")
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _signature(value: Any) -> dict[str, Any]:
    import onnx

    if not value.type.HasField("tensor_type"):
        return {"name": value.name, "type": "sequence", "shape": []}
    tensor = value.type.tensor_type
    shape: list[Any] = [
        size.dim_value if size.HasField("dim_value") else size.dim_param or "any" for size in tensor.shape.dim
    ]
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    return {"name": value.name, "type": kind, "shape": shape}
