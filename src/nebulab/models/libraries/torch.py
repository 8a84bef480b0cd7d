"""PyTorch's modules as ONNX, through torch.onnx; runs in the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Output, Untrained, flattened
from nebulab.models.libraries.base import Library
from nebulab.models.libraries.networks import ROWS, TELL, WEIGHTS_ALONE, quietly
from nebulab.models.samples import accepted_by, sample_of


class Torch(Library):
    """Modules of PyTorch with weights."""

    kind = package = "torch"
    classes = (("torch.nn", "Module"),)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the export for any number of rows, then the one for the sample's number, which traces more models."""
        import torch

        weights = [*model.parameters(), *model.buffers()]
        if not weights:
            raise Untrained("it has no weights: nothing in it was trained")
        device = weights[0].device

        def call(*arguments: Any) -> Any:
            with torch.no_grad():
                return model(*arguments)

        def tensor(value: Any) -> Any:
            converted = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
            converted = converted.to(weights[0].dtype) if converted.dtype == torch.float64 else converted
            return converted.detach().to(device)

        training = {part: part.training for part in model.modules()}
        model.eval()
        try:
            sample = sample_of(model) or accepted_by(lambda part: call(tensor(part)[:1]), namespace)
            if sample is None:
                raise CantExport(f"nothing tells its input: {TELL}")
            arguments = tuple(tensor(argument)[:ROWS] for argument in sample.arguments)
            expected = [Output("forward", array) for array in flattened(call(*arguments))]
            feeds = [argument.cpu().numpy() for argument in arguments]

            def write(path: Path) -> None:
                batch = torch.export.Dim("batch", min=1)
                shapes = tuple({0: batch} for _ in arguments)
                with quietly():
                    torch.onnx.export(
                        model,
                        arguments,
                        str(path),
                        dynamo=True,
                        dynamic_shapes=shapes,
                        external_data=False,
                        verbose=False,
                    )

            def write_fixed(path: Path) -> None:
                with quietly():
                    torch.onnx.export(model, arguments, str(path), dynamo=True, external_data=False, verbose=False)

            yield Attempt(write, feeds, expected, sample.source)
            only = f"float32, batches of {len(feeds[0])} only"
            yield Attempt(write_fixed, feeds, expected, sample.source, only, fixed_batch=True)
        finally:
            for part, mode in training.items():
                part.training = mode

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the weights as safetensors."""
        from safetensors.torch import save_model

        path = folder / f"{name}.safetensors"
        save_model(model, str(path))
        return path, WEIGHTS_ALONE
