"""A notebook's globals, each kept or named with the reason, whatever they are and whenever the harvest ends."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nebulab.harvest import inventory, limits, load
from nebulab.harvest.inventory import Entry, Harvest, size_of
from nebulab.harvest.limits import Limits
from nebulab.models.keeping import Kept


def harvest(folder: Path, limits: Limits | None = None, **values: Any) -> dict[str, Entry]:
    """Harvest some globals; return what became of each, as the report has it."""
    Harvest(values, folder, limits or Limits()).data()
    return report(folder)


def report(folder: Path) -> dict[str, Entry]:
    whole = json.loads((folder / "harvest.json").read_text())
    entries = {row["name"]: Entry(**row) for row in whole["globals"]}
    assert sum(whole["counts"].values()) >= len(entries)
    return entries


class Opaque:
    pass


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def test_every_global_has_an_entry(tmp_path: Path) -> None:
    shown = np.arange(6).reshape(2, 3)
    entries = harvest(tmp_path, x=shown, f=len, module=os, opaque=Opaque(), _private=1, text="t")
    assert {name: entry.fate for name, entry in entries.items()} == {
        "x": "array",
        "f": "code",
        "module": "code",
        "opaque": "not reached",  # the models' step looks at it
        "text": "array",
    }
    assert (entries["x"].shape, entries["x"].dtype, entries["x"].files) == ([2, 3], "<i8", ["arrays.h5:/x"])
    assert load(tmp_path / "arrays.h5")["x"].tolist() == shown.tolist()


def test_what_was_there_before_the_first_cell_is_no_result(tmp_path: Path) -> None:
    given, changed = [1], [2]
    Harvest(
        {"given": given, "changed": [3]}, tmp_path, Limits(), before={"given": id(given), "changed": id(changed)}
    ).data()
    assert list(report(tmp_path)) == ["changed"]


def test_what_holds_itself_costs_no_time(tmp_path: Path) -> None:
    """It once took the ten minutes of each such variable."""
    begun = time.monotonic()
    entries = harvest(tmp_path, a=itself(), b={"l": itself()}, c=pd.DataFrame({"x": [itself()]}), after=5)
    assert time.monotonic() - begun < 5
    for name in "abc":
        assert "holds itself" in entries[name].reason
    assert load(tmp_path / "arrays.h5") == {"after": 5}


def test_names_that_a_thread_keeps_adding_do_not_keep_the_harvest(tmp_path: Path) -> None:
    values: dict[str, Any] = {"x": 5}
    ended = threading.Event()

    def fill() -> None:
        count = 0
        while not ended.is_set():
            values[f"v{count}"] = count
            count += 1

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        time.sleep(0.2)
        taken = Harvest(values, tmp_path, Limits(objects=20))
        taken.data()
    finally:
        ended.set()
        thread.join()
    entries = report(tmp_path)
    (more,) = [entry for entry in entries.values() if entry.fate == "not kept"]
    assert "more than 20 globals" in more.reason
    assert len(load(tmp_path / "arrays.h5")) == 20
    counts = json.loads((tmp_path / "harvest.json").read_text())["counts"]
    assert f"({counts['not kept']:,} more)" == more.name


def test_the_whole_harvest_ends_in_time_with_what_is_there(tmp_path: Path) -> None:
    slow: list[Any] = [np.zeros(1000) + place for place in range(9000)]
    begun = time.monotonic()
    entries = harvest(tmp_path, Limits(total_seconds=0.5), small=1, slow=slow, slower=list(slow))
    assert time.monotonic() - begun < 2
    assert entries["small"].fate == "array"
    assert entries["slow"].fate == entries["slower"].fate == "not reached"
    assert "0.5 s" in entries["slower"].reason
    assert load(tmp_path / "arrays.h5") == {"small": 1}


def test_a_stop_ends_the_harvest_with_what_is_there(tmp_path: Path) -> None:
    values: dict[str, Any] = {"small": 1, "slow": [np.zeros(100) + place for place in range(9000)]}
    harvest = Harvest(values, tmp_path, Limits())
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with harvest.clock.stoppable():
        timer.start()
        begun = time.monotonic()
        harvest.data()
        harvest.models(lambda *_: pytest.fail("a model is exported after the stop"), lambda _: True)
    assert time.monotonic() - begun < 1.3
    entries = report(tmp_path)
    assert entries["small"].fate == "array"
    assert "stopped" in entries["slow"].reason
    assert load(tmp_path / "arrays.h5") == {"small": 1}
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_stop_while_a_model_is_exported(tmp_path: Path) -> None:
    def keep(name: str, *_: Any) -> Kept:
        if name == "second":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        return Kept("model", [f"models/{name}.onnx"])

    harvest = Harvest({"first": Opaque(), "second": Opaque(), "third": Opaque(), "x": 1}, tmp_path, Limits())
    with harvest.clock.stoppable():
        harvest.data()
        harvest.models(keep, lambda value: isinstance(value, Opaque))
    fates = {name: entry.fate for name, entry in report(tmp_path).items()}
    assert fates == {"first": "model", "second": "not reached", "third": "not reached", "x": "array"}


@pytest.mark.parametrize(
    ("ends", "reason"), [("time", "longer than 0.9 s"), ("memory", "more than 80% of the free memory")]
)
def test_an_export_that_a_limit_ends_costs_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, reason: str
) -> None:
    monkeypatch.setattr(limits, "free_bytes", lambda: 10 * 2**20)
    taken: list[bytearray] = []

    def keep(name: str, *_: Any, ended: str = "") -> Kept:
        if name == "greedy" and not ended:
            while True:
                try:
                    if ends == "memory":
                        taken.append(bytearray(b"x" * 2**20))
                except Exception:  # noqa: BLE001 - as careless converters do
                    pass
        return Kept("native model", [], f"no ONNX: {ended}") if ended else Kept("model")

    harvest = Harvest({"greedy": Opaque(), "next": Opaque()}, tmp_path, Limits(object_seconds=0.3))
    harvest.data()
    harvest.models(keep, lambda _: True)
    told = report(tmp_path)
    assert (told["greedy"].fate, told["next"].fate) == ("native model", "model")
    assert reason in told["greedy"].reason


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, RuntimeError("odd")])
def test_what_an_object_raises_is_its_own_fault(tmp_path: Path, error: Any) -> None:
    def keep(name: str, *_: Any) -> Kept:
        if name == "bad":
            raise error
        return Kept("model")

    harvest = Harvest({"bad": Opaque(), "good": Opaque()}, tmp_path, Limits())
    harvest.data()
    harvest.models(keep, lambda _: True)
    assert (report(tmp_path)["bad"].fate, report(tmp_path)["good"].fate) == ("not kept", "model")


def test_an_object_that_takes_too_long_is_left_out(tmp_path: Path) -> None:
    slow: list[Any] = [np.zeros(1000) + place for place in range(9000)]
    entries = harvest(tmp_path, Limits(object_seconds=0.2), slow=slow, after="text")
    assert "0.2 s" in entries["slow"].reason
    assert entries["after"].fate == "array"


def test_sizes_are_limited(tmp_path: Path) -> None:
    limits = Limits(object_bytes=1000, total_bytes=1500)
    entries = harvest(tmp_path, limits, a=np.zeros(100), b=np.zeros(100), huge=np.zeros(1000))
    assert sorted(entry.fate for entry in entries.values()) == ["array", "not kept", "not kept"]
    assert "limits the size" in entries["huge"].reason


def test_what_is_kept_but_not_as_it_was_is_told(tmp_path: Path) -> None:
    mapped: Any = np.memmap(tmp_path / "mapped", dtype=np.int16, mode="w+", shape=(3,))
    entries = harvest(tmp_path, mapped=mapped)
    assert entries["mapped"].fate == "array"
    assert "mapped from a file" in entries["mapped"].reason


def test_a_frame_of_a_subclass_is_kept_and_told(tmp_path: Path) -> None:
    class Special(pd.DataFrame):  # type: ignore[misc]
        pass

    entries = harvest(tmp_path, frame=Special({"a": [1, 2]}))
    assert entries["frame"].fate == "table"
    assert "Special comes back as a plain DataFrame" in entries["frame"].reason
    assert load(tmp_path / "tables" / "frame.parquet")["a"].tolist() == [1, 2]


def test_one_large_array_under_two_names_is_written_once(tmp_path: Path) -> None:
    array = np.zeros(500_000)
    entries = harvest(tmp_path, first=array, second=array)
    assert entries["second"].fate == "array"
    assert (tmp_path / "arrays.h5").stat().st_size < 1.5 * array.nbytes
    assert load(tmp_path / "arrays.h5")["second"].shape == (500_000,)


def test_a_name_that_is_a_path_stays_in_the_folder(tmp_path: Path) -> None:
    values = {"../out": pd.DataFrame({"a": [1]}), "a/b": 5}
    Harvest(values, tmp_path / "results", Limits()).data()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    assert load(tmp_path / "results" / "arrays.h5")["a∕b"] == 5


def test_figures_that_can_not_be_drawn_spoil_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Figures:
        kept: list[str] = []  # noqa: RUF012 - one test

        def open_figures(self) -> list[str]:
            return ["bad", "good"]

        def keep(self, figure: str, _: Any) -> None:
            if figure == "bad":
                raise ValueError("no LaTeX here")
            self.kept.append(figure)

    Harvest({}, tmp_path, Limits()).figures(Figures())  # type: ignore[arg-type]
    assert Figures.kept == ["good"]
    assert "no LaTeX here" in capsys.readouterr().out


def test_sizes_are_those_of_the_content() -> None:
    assert size_of(np.zeros(10)) == 80
    assert size_of(pd.DataFrame({"a": np.zeros(10)}, index=range(10))) >= 80
    assert size_of(Opaque()) == 0
    fake: Any = type("ndarray", (), {"__module__": "numpy", "nbytes": property(lambda _: 1 / 0)})
    assert size_of(fake()) == 0
    assert inventory.is_code(np.add)
    assert not inventory.is_code(5)
