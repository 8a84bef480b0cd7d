"""Limits on a session's memory, disk space and processes, and what is done at each."""
