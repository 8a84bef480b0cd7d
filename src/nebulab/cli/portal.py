"""`nebulab portal`: the portal where people apply for GPUs, beside a server's Galaxy."""

from __future__ import annotations

import sys

import click


class _WithVariables(click.Command):
    """Shows, below the options, the environment variables that the portal reads, from where they are declared."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from nebulab.portal.settings import PortalSettings
        from nebulab.variables import declared

        with formatter.section("Environment variables"):
            formatter.write_dl([(setting.name, setting.help) for setting in declared(PortalSettings).values()])
        formatter.write_paragraph()
        formatter.write_text("docs/settings.md has their defaults, and what each may hold.")


@click.command(cls=_WithVariables)
@click.option("--check", is_flag=True, help="Check settings, database, Galaxy and mail server, and serve nothing.")
def command(check: bool) -> None:
    """Serve the portal: people apply for GPUs, administrators decide, Galaxy's groups follow.

    It needs a path on Galaxy's host name, since it shares Galaxy's login (on another host
    name NEBULAB_PORTAL_OIDC gives it a login of its own), and the key of a Galaxy
    administrator in a file that its user alone may read:

    \b
      export NEBULAB_PORTAL_GALAXY=http://localhost:8080
      export NEBULAB_PORTAL_GALAXY_PUBLIC=https://galaxy.example.org
      export NEBULAB_PORTAL_URL=https://galaxy.example.org/gpu
      export NEBULAB_PORTAL_KEY_FILE=/etc/nebulab/portal-key
      nebulab portal --check
      nebulab portal

    deploy/nebulab-portal.service is the service, deploy/nebulab-portal.nginx the web
    server's part, deploy/portal a container; docs/offering-gpus.md goes through it all.
    """
    from nebulab import dispatch

    dispatch.hand_over(dispatch.PORTAL)
    from nebulab.portal.terminal import access as commands

    if check:
        sys.exit(0 if commands.print_check() else 1)
    commands.serve()
