"""Galaxy's own web server with Nebulab's plug-ins for its job metrics: takes the options of `galaxy-web`.

Galaxy looks for plug-ins in one folder of its own. A server links them there; `nebulab up` starts Galaxy by this, since
its environment may be another's to write.
"""

from __future__ import annotations

from pathlib import Path


def main() -> None:
    """Add our folder to Galaxy's, and start Galaxy."""
    from galaxy.job_metrics import instrumenters
    from galaxy.webapps.galaxy.script import main as galaxy_web

    instrumenters.__path__.append(str(Path(__file__).with_name("plugins")))
    galaxy_web()


if __name__ == "__main__":
    main()
