"""`nebulab doctor`: what this machine has, and what each missing thing costs; runs in a terminal."""
