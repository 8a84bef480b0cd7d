"""Notebooks run without a browser, cell by cell; runs in a batch job."""
