"""Load, decide, save, one module a capability. They take the connection of a transaction that somebody else commits."""
