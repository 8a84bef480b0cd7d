"""The page "Welcome": inputs, examples and news of a session, for the page."""
