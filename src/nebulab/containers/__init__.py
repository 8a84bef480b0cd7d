"""Container engines, the walls of containers, and the image: built, verified, audited; runs on one machine."""
