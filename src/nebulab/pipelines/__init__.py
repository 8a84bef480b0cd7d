"""Pipelines of notebooks and scripts, in Elyra's `.pipeline` files: read, checked, run here or on Galaxy; runs in a
terminal, and as a process of the Lab's page."""
