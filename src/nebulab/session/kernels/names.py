"""Names that JupyterLab's configuration and the kernels' folders share."""

KERNEL = "python3"
"""The name of the one kernelspec; notebooks from elsewhere name it too."""
PROVISIONER = "nebulab-forking"
"""The entry point of the kernel provisioner (`nebulab.session.kernels.forking`)."""
