"""Kernels: their environment with the user's overlay, their kernelspecs, and forking them from a zygote."""
