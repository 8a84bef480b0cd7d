"""Rules by which Galaxy chooses the destination of Nebulab's jobs; runs in Galaxy, whose Python must import it."""
