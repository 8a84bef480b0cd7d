"""`python -m nebulab`: the command line."""

from nebulab.cli import main

main()
