"""Trainings as the Lab's page sees them: the form that sends one, and the panel that shows them."""
