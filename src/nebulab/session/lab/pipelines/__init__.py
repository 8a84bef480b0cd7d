"""Pipelines in the Lab's page: checked while they are edited, and run, here or on Galaxy; in JupyterLab's process."""
