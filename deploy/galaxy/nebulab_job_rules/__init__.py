"""Rules by which Galaxy chooses where a job of Nebulab runs; runs in Galaxy, whose Python must be able to import it."""
