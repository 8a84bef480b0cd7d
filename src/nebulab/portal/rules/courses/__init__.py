"""Courses: asked for by a trainer, decided, joined, begun and ended; rules on the database alone."""
