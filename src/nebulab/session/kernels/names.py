"""Names that JupyterLab's configuration and the kernels' folders share."""

KERNEL = "python3"
"""The name of the first kernelspec; notebooks from elsewhere name it too. The second is `contract.KERAS2`."""
PROVISIONER = "nebulab-forking"
"""The entry point of the kernel provisioner (`nebulab.session.kernels.forking`)."""
