"""`python -m netwatch_tray`, the same as `netwatch-tray`."""

import sys

from netwatch_tray.cli import main

sys.exit(main())
