"""Whether what is promised is true of a running system: each service's own checks, and what several must agree on."""
