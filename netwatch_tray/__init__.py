"""Live network rates in the macOS menu bar and the Linux tray."""

__version__ = "0.1.0"
