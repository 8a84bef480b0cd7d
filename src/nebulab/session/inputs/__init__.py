"""The inputs that Galaxy gives, and the first page that the user sees; runs once, at the start of a session or job."""
