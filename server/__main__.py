"""`python -m server` is the command `shortlist`."""

from server.cli.main import main

if __name__ == "__main__":
    main()
