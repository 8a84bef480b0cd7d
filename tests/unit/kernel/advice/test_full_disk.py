"""An error for want of room says what to do."""

from __future__ import annotations

import errno

import pytest
from IPython.core.interactiveshell import InteractiveShell

from nebulab import kernel
from nebulab.kernel.advice.full_disk import advice_for


def test_a_file_beyond_the_limit_names_it() -> None:
    error = OSError(errno.EFBIG, "File too large")
    assert "may take 250.0 GB" in advice_for(error, {"NEBULAB_DISK_MB": "256000"})
    assert advice_for(error, {}) == ""


def test_a_full_disk_says_what_to_do() -> None:
    assert "Delete what you don't need" in advice_for(OSError(errno.ENOSPC, "No space left on device"), {})
    assert advice_for(OSError(errno.ENOENT, "No such file"), {}) == ""


def test_it_stands_below_the_cells_own_error(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    kernel.load_ipython_extension(shell)
    shell.run_cell("import errno\nraise OSError(errno.ENOSPC, 'No space left on device')")
    shell.run_cell("1 / 0")
    said = capsys.readouterr()
    assert said.err.count("There is no room left") == 1
    assert "No space left on device" in said.out
