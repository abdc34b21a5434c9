"""The icon in XEmbed trays (the older kind): a separate process with Qt, which is a client of the feed."""
