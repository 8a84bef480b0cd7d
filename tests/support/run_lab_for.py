"""`nebulab lab IMAGE FOLDER` for somebody who is logged in already, at a Galaxy that needs not be there."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from rich.console import Console

from nebulab.laptop import lab, settings
from nebulab.laptop.login import Login

if __name__ == "__main__":
    image, folder = sys.argv[1:]
    told = settings.read(Path(folder), os.environ, image=image, engine="podman")
    login = Login(*json.loads(os.environ.pop("LOGIN")))
    sys.exit(lab.serve(told, Console(highlight=False), login=login, environ=os.environ))
