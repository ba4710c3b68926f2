"""One function per thing the service does."""
