"""Watches that run while a session lives, apart from those on its limits and outputs."""
