"""Notebooks as apps, by Voila, and as pages that need no session; runs in JupyterLab's process."""
