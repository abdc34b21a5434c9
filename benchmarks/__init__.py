"""What the program costs, always beside a limit or a peer in the same run: `./dev bench NAME [--json]`."""
