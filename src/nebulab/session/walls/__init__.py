"""Isolation of notebooks from the rest of the machine, and the ways through the door."""
