"""Work on Nebulab itself: what the tests and the bench need, and running them; runs in a checkout."""
