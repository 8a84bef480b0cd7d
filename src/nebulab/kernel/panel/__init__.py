"""What the Galaxy panel has done in the kernels' environment: previews and transfers."""
