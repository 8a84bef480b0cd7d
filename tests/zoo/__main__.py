"""`python -m zoo FAMILY`: keep each member of a family, and print as JSON what became of it and what should have.

What is exported is written in its own format too, as if it had not been proven.
"""

from __future__ import annotations

import json
import sys

from zoo import keep_all


def main() -> None:
    from nebulab.models import load
    from nebulab.models.libraries import library_of

    told = {}
    for found in keep_all(sys.argv[1]):
        kept = found.kept
        told[found.name] = {
            "fate": kept.fate,
            "reason": kept.reason,
            "expected": found.member.fate,
            "expected_reason": found.member.reason,
            "files": list(kept.files),
            "there": all((found.folder / file).is_file() for file in kept.files),
        }
        if kept.proof is not None:
            told[found.name] |= {"sample": kept.proof.sample, "precision": kept.proof.precision}
        if kept.fate == "model":
            told[found.name]["inputs"] = load(found.folder / kept.files[0]).inputs
            model = found.member.model
            library = library_of(model)
            assert library is not None, f"{found.name} is no model"
            own, _ = library.native(model, found.folder, found.name, found.globals)
            told[found.name]["own"] = own.name if own.stat().st_size else ""
    print("\n@@" + json.dumps(told))


main()
