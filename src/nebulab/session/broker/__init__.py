"""The way from a notebook to Galaxy: the user's key is added here, and what is not allowed is refused."""
