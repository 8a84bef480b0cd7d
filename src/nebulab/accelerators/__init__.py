"""GPUs: which are there, what keeps a framework from using them, how much memory it may take; runs everywhere.

`nvml` (and `asking`, with a time limit) sees the GPUs, `machine` what the driver left on the machine, `frameworks` what
TensorFlow, PyTorch, JAX, ONNX Runtime and XGBoost see, `diagnosis` makes advice of it. `caps` are the settings that
keep a framework off a GPU that can't be used and within its share of one that can; `startup` applies some of them in
the kernel.
"""
