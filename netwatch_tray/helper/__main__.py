"""Starts the helper: `python3 -I DIRECTORY UID …`, with the UIDs to serve. Its standard input is the listening
socket."""

import importlib
import os
import sys

if __name__ == "__main__":
    # The directory itself is on the path; relative imports need the package that it is.
    directory = os.path.dirname(os.path.abspath(__file__))
    sys.path[0], package = os.path.split(directory)
    sys.exit(importlib.import_module(f"{package}.service").main(sys.argv[1:]))
