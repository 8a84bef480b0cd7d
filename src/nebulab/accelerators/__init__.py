"""GPUs: their list, the reasons for which a framework does not use them, caps on their memory; runs everywhere.

`nvml` (and `asking`, with a time limit) lists the GPUs, `machine` reads the driver's files, `frameworks` probes
TensorFlow, PyTorch, JAX, ONNX Runtime and XGBoost, and `diagnosis` turns all of it into findings. `caps` has the
settings that keep a framework off an unusable GPU and within its share of a usable one; `startup` applies some of them
in the kernel.
"""
