"""One process a session, beside JupyterLab: inputs, server, outputs, the way to Galaxy, a clean end."""
