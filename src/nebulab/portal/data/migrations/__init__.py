"""Alembic's migrations of the portal's tables, in the order of their numbers."""
