"""What the Lab's form and panel of trainings do in the kernels' environment, as processes that JupyterLab starts."""
