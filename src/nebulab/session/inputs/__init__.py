"""Run once, at the start of a session or a job: what Galaxy gave, and what the user sees first."""
