"""What the Lab's pages of notebooks need of the kernels' side."""
