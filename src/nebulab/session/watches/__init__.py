"""What is looked at again and again while a session lives, apart from its limits and outputs."""
