"""`python -m segue`: the same commands as `segue`."""

from segue.cli import main

main()
