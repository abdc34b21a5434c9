"""The icon in trays of the older kind (XEmbed): a process of its own with Qt, a client of the feed."""
