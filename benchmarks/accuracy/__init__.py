"""The scoreboard: known bytes, counted by this program and by others at the same time."""
