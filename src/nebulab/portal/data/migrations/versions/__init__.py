"""A file for each migration."""
