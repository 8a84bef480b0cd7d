"""Names that JupyterLab's configuration and the kernels' folders agree on."""

KERNEL = "python3"
"""The name of the one kernelspec; notebooks from elsewhere name it too."""
PROVISIONER = "nebulab-forking"
"""What starts kernels (`nebulab.session.kernels.forking`), by the name of its entry point."""
