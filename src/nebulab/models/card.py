"""The model card: inputs, outputs, versions, code and data of a model, and the proof; runs in the kernel."""

from __future__ import annotations

import datetime
import html
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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


_ORIGINS = {
    "seen during fit": "of the training data",
    "seen in a call": "that the notebook gave to the model",
    "given by the user": "that nebulab.sample was given",
    "made up": "of random numbers",
}
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328;
  background: #fff }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left; vertical-align: top }}
h2 {{ margin-top: 2rem }}
.proven, .unproven {{ font-weight: 600 }}
.proven {{ color: #1a7f37 }}
.unproven {{ color: #9a3412 }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #1b1b1f; color: #ddd }}
  td, th {{ border-color: #3c3c45 }}
  .proven {{ color: #56d364 }}
  .unproven {{ color: #ffa657 }}
}}
</style>
</head>
<body>
<main>"""


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
    """Write the card as JSON, as a page and as plain text; return the paths below the folder's parent."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / str(card["name"])
    paths = [Path(f"{stem}{suffix}") for suffix in (".json", ".html", ".txt")]
    paths[0].write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
    paths[1].write_text(page(card), encoding="utf-8")
    paths[2].write_text(text(card), encoding="utf-8")
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
    name = html.escape(str(card["name"]))
    parts = [
        _HEAD.format(name=name),
        f"<h1>{name}</h1>\n<p>{html.escape(str(card['class']))}</p>",
        f'<p class="{"proven" if card["verified"] else "unproven"}">{html.escape(verdict(card))}</p>',
    ]
    for section in sections(card):
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        parts += [f"<p>{html.escape(section.text)}</p>"] if section.text else []
        parts += [_table(section.heads, section.rows)] if section.rows else []
    return "\n".join([*parts, "</main>\n</body>\n</html>\n"])


def text(card: Mapping[str, Any]) -> str:
    """Return the card as plain text: Galaxy shows pages as their source unless its administrator trusts the tool."""
    parts = [f"{card['name']}\n{'=' * len(str(card['name']))}\n{card['class']}\n\n{verdict(card)}\n"]
    for section in sections(card):
        parts.append(f"\n{section.title}\n{'-' * len(section.title)}\n")
        parts += [f"{section.text}\n"] if section.text else []
        rows = [section.heads, *section.rows] if section.rows else []
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            parts.append("  ".join(cells).rstrip() + "\n")
    return "".join(parts)


def markdown(card: Mapping[str, Any], purpose: str = "") -> str:
    """Return the card as Markdown, for pages such as Hugging Face's; `purpose` says what the model is for."""
    parts = [f"# {_plain(card['name'])}\n\n`{card['class']}`\n"]
    parts += [f"{purpose}\n"] if purpose else []
    parts.append(f"{_plain(verdict(card))}\n")
    for section in sections(card):
        parts.append(f"## {section.title}\n")
        parts += [f"{_plain(section.text)}\n"] if section.text else []
        if section.rows:
            rows = [section.heads, ["---"] * len(section.heads), *section.rows]
            parts.append("".join(f"| {' | '.join(map(_plain, row))} |\n" for row in rows))
    return "\n".join(parts)


def _plain(value: object) -> str:
    """Return a text that is shown as it is, and stays in its cell of a Markdown table."""
    return html.escape(str(value), quote=False).replace("|", "\\|").replace("\n", " ")


@dataclass(frozen=True)
class Section:
    """A part of the card: a title, a sentence, a table."""

    title: str
    text: str = ""
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def verdict(card: Mapping[str, Any]) -> str:
    """Return the sentence that says whether the file was checked against the original."""
    if card["verified"]:
        return "Checked: the file gives the same predictions as the original."
    return f"Not checked against the original: {card['reason']}"


def sections(card: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the card's parts, in the order in which a person reads them."""
    proof = card["proof"]
    if proof:
        compared = [
            (
                str(output["output"]),
                str(output["original"]),
                "" if output["labels_agree"] is None else f"{output['labels_agree']:.1%} equal",
                "" if output["largest_absolute"] is None else f"{output['largest_absolute']:.3g}",
                "" if output["largest_relative"] is None else f"{output['largest_relative']:.3g}",
            )
            for output in proof["outputs"]
        ]
        heads = ("output", "compared with", "labels", "largest difference", "as a share of the largest value")
        yield Section("How it was checked", checked_on(proof), heads, compared)
    for title in ("inputs", "outputs"):
        signatures = [(str(value["name"]), str(value["type"]), _shape(value["shape"])) for value in card[title]]
        if signatures:
            yield Section(title.capitalize(), "", ("name", "type", "shape"), signatures)
    headings = {"metrics": "Measures found in the notebook", "versions": "Versions", "hardware": "Made on"}
    for title, heading in headings.items():
        rows = [(str(key), str(value)) for key, value in card[title].items()]
        if rows:
            yield Section(heading, "", ("name", "value"), rows)
    yield Section("Origin", f"Made {card['date']} by code with the SHA-256 {card['code_sha256'] or 'unknown'}")


def checked_on(proof: Mapping[str, Any]) -> str:
    """Return on which rows a model was checked; `proof` has them as `models.samples` names them."""
    number, sample = proof["rows"], str(proof["sample"])
    origin = _ORIGINS.get(sample, f"that were {sample}")
    rows = f"{number} row{'' if number == 1 else 's'}"
    return f"Checked on {rows} {origin}, computed in {proof['precision']}."


def _shape(sizes: Sequence[Any]) -> str:
    """Return a shape as `any number × 30`; tf2onnx calls what is free `unk__21`."""
    free = ("any number" if size == "any" or str(size).startswith("unk__") else str(size) for size in sizes)
    return " × ".join(free) or "one value"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>\n</table>"


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
