"""`python3 -I DIRECTORY USER …` starts the helper; the socket to listen on is its standard input."""

import importlib
import os
import sys

if __name__ == "__main__":
    # The directory itself is on the path; relative imports need the package that it is.
    directory = os.path.dirname(os.path.abspath(__file__))
    sys.path[0], package = os.path.split(directory)
    sys.exit(importlib.import_module(f"{package}.service").main(sys.argv[1:]))
