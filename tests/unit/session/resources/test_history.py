"""The last hour's figures of a session."""

from __future__ import annotations

import json

from nebulab.session.resources.history import Device, Figures, History


def at(time: float, **devices: Device) -> Figures:
    return Figures(time, memory=int(time), cpu=0.5, disk=None, devices=devices)


def test_an_hour_is_kept_and_not_more() -> None:
    history = History()
    for number in range(1000):
        history.add(at(number * 10.0))
    times = history.to_json()["time"]
    assert isinstance(times, list)
    assert (len(times), times[0], times[-1]) == (360, 6400.0, 9990.0)


def test_sets_that_come_more_often_are_thinned() -> None:
    history = History()
    for time in (0.0, 5.0, 9.8, 15.0, 20.0, 30.1):
        history.add(at(time))
    assert history.to_json()["time"] == [0.0, 9.8, 20.0, 30.1]


def test_a_device_that_comes_and_goes_leaves_gaps() -> None:
    history = History()
    history.add(at(0))
    history.add(at(10, first=Device(40, 1000, 55, 45.5)))
    history.add(at(20, first=Device(None, 2000, None, None), second=Device(1, 2, 3, 4)))
    told = json.loads(json.dumps(history.to_json()))
    assert told["devices"]["first"] == {
        "percent": [None, 40, None],
        "memory": [None, 1000, 2000],
        "celsius": [None, 55, None],
        "watts": [None, 45.5, None],
    }
    assert told["devices"]["second"]["percent"] == [None, None, 1]
