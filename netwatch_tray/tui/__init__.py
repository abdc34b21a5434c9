"""The full-screen program in a terminal: a client of the agent's feed, and a reader of the history."""
