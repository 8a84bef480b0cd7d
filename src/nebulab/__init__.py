"""Nebulab: a GPU JupyterLab beside your data, for the Galaxy platform."""

__version__ = "1.0.0"
