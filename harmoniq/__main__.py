"""Run the command line: ``python -m harmoniq`` does the same as ``harmoniq``."""

import sys

from harmoniq.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
