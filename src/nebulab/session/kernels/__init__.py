"""What runs cells: the environment with a layer of the user's own, kernelspecs, and kernels that are forked."""
