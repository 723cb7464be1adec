"""`python -m retain` is the command `retain`."""

from retain.serve.cli.main import main

main()
