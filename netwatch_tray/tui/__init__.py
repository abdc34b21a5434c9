"""The full-screen program in a terminal: a client of the feed, and a reader of the history."""
