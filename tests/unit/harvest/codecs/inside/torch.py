"""Tensors and parameters of the real PyTorch in a file."""

from __future__ import annotations

from pathlib import Path

from nebulab.harvest.codecs import encode
from support.round_trip import check_examples, node_of, there_and_back
from support.values import is_same


def check_round_trips(folder: Path) -> None:
    check_examples(folder, "torch", "torch parameter")


def check_a_subclass_comes_back_as_a_tensor_and_that_is_told(folder: Path) -> None:
    import h5py
    import torch

    class Image(torch.Tensor):  # type: ignore[misc]
        pass

    remarks: list[str] = []
    with h5py.File(folder / "file.h5", "w") as file:
        encode(file, "image", torch.ones(2).as_subclass(Image), remarks=remarks)
    assert "Image comes back as a plain tensor" in remarks[0]


def check_older_readers_take_a_parameter_for_a_tensor(folder: Path) -> None:
    import torch

    attributes, _ = node_of(folder, torch.nn.Parameter(torch.ones(2)))
    assert attributes["nebulab"] == "torch"


def check_a_state_of_tensors_in_a_dictionary(folder: Path) -> None:
    import torch

    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2), "steps": 5}
    back = there_and_back(folder, state)
    assert all(is_same(value, back[name]) for name, value in state.items())


def check_a_copy_is_made_of_what_a_thread_may_change(folder: Path) -> None:
    import torch

    from nebulab.harvest.codecs import REGISTRY

    tensor = torch.nn.Parameter(torch.ones(2))
    copy = REGISTRY.copy(tensor)
    with torch.no_grad():
        tensor.zero_()
    assert type(copy) is torch.nn.Parameter
    assert copy.tolist() == [1, 1]
