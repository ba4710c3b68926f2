"""Server-sent events: what happens to the tickets an attendant may see."""
