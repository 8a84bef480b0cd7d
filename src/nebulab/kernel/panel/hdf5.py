"""The tree of an HDF5 file, for a preview; a process of the kernels' environment.

Groups and datasets are listed, no data is read, and no link is followed out of the file or in a circle.
"""

from __future__ import annotations

from typing import IO, Any

_MOST_NODES = 1000
_DEEPEST = 20
_LONGEST = 200


def tree(file: IO[bytes]) -> dict[str, Any]:
    """Return the file's nodes, from the root down, each with its depth.

    Raises
    ------
    OSError
        It is no HDF5 file, or a broken one.
    """
    import h5py

    nodes: list[dict[str, Any]] = []
    with h5py.File(file, "r") as opened:
        _walk(opened, 0, nodes)
    return {"kind": "hdf5", "nodes": nodes[:_MOST_NODES], "more": len(nodes) > _MOST_NODES}


def _walk(group: Any, depth: int, nodes: list[dict[str, Any]]) -> None:
    import h5py

    for name in group:
        if len(nodes) > _MOST_NODES:
            return
        node: dict[str, Any] = {"name": str(name)[:_LONGEST], "depth": depth}
        nodes.append(node)
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            node |= {"type": "link", "what": f"link to {getattr(link, 'path', '')}"[:_LONGEST]}
            continue
        found = group[name]
        if isinstance(found, h5py.Dataset):
            shape = " × ".join(map(str, found.shape or ())) or ("one value" if found.shape == () else "empty")
            node |= {"type": "dataset", "what": f"{shape}, {_type(found)}"[:_LONGEST]}
        elif isinstance(found, h5py.Group):
            node |= {"type": "group", "what": f"{len(found)} inside"}
            # Groups may hold themselves.
            if depth < _DEEPEST:
                _walk(found, depth + 1, nodes)
        else:
            node |= {"type": "type", "what": "datatype"}


def _type(dataset: Any) -> str:
    import h5py

    return "text" if h5py.check_string_dtype(dataset.dtype) else str(dataset.dtype)
