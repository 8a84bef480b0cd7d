"""Packages that users add to a session: those in the overlay, conda environments, and uv; runs in the session."""
