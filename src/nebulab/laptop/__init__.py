"""A person's own machine: a folder in JupyterLab, in a container or without one, with a Galaxy; runs in a terminal."""
