"""A stand-in for the package onnx-tf, of which the predecessor's notebooks use `backend.prepare`; runs in the kernel.

The package itself ended in 2023, and neither its TensorFlow nor its ONNX is to be had any more. Models run on ONNX
Runtime here; `%pip install onnx-tf` puts the package, where somebody has one that works, before this one.
"""
