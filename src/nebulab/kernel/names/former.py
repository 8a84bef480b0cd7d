"""What the predecessor left in every notebook beside its functions: modules and names; runs in the kernel."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Mapping
from types import MappingProxyType

import galaxy_ie_helpers
import galaxy_script_job
from nebulab.kernel.names.later import LaterClass, LaterModule

NAMES: Mapping[str, object] = MappingProxyType(
    {
        "GalaxyInstance": LaterClass("bioblend.galaxy", "GalaxyInstance"),
        "galaxy_ie_helpers": galaxy_ie_helpers,
        "galaxy_script_job": galaxy_script_job,
        "histories": LaterModule("bioblend.galaxy.histories"),
        "jobs": LaterModule("bioblend.galaxy.jobs"),
        "json": json,
        "os": os,
        "sleep": time.sleep,
        "warnings": warnings,
    }
)
"""Values by their names in a notebook."""
