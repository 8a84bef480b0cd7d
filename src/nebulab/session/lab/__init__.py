"""JupyterLab: its environment, its configuration, its start, and what Nebulab adds to its server."""
