"""The Galaxy panel's part of JupyterLab's server: histories, previews, transfers, and what changes in Galaxy."""
