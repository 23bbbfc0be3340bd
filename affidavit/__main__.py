"""`python -m affidavit`, for programs that start it where the command may not be on the path."""

from affidavit.cli import main

main()
