"""Tables and queries: tickets and their history, the queue, and what the directory has announced."""
