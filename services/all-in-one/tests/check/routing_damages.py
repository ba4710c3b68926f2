"""What may break in routing's own tables."""

from damage import LATE, ROUTED, of, without_checks

ROUTE_FATE = "Every occurrence has one fate"

ROUTING = {
    "an occurrence that waits": of(
        "routing",
        "Every occurrence is routed in time",
        f"UPDATE occurrences SET state = 'NEW', ticket_id = NULL, done_at = NULL, received_at = {LATE} "
        f"WHERE id = {ROUTED} RETURNING id",
    ),
    "an occurrence given up": of(
        "routing",
        "No occurrence was given up",
        "UPDATE occurrences SET state = 'NEW', ticket_id = NULL, done_at = NULL, failed_at = now() "
        f"WHERE id = {ROUTED} RETURNING id",
    ),
    "routed to no ticket": of(
        "routing",
        ROUTE_FATE,
        without_checks("occurrences"),
        f"UPDATE occurrences SET ticket_id = NULL WHERE id = {ROUTED} RETURNING id",
    ),
    "new and ended": of(
        "routing",
        ROUTE_FATE,
        without_checks("occurrences"),
        f"UPDATE occurrences SET state = 'NEW', ticket_id = NULL WHERE id = {ROUTED} RETURNING id",
    ),
    "dismissed for no reason": of(
        "routing", ROUTE_FATE, "UPDATE occurrences SET reason = '' WHERE state = 'DISMISSED' RETURNING id"
    ),
    "a rule that leads nowhere": of(
        "routing", "Every rule leads", "UPDATE rules SET level_id = gen_random_uuid() RETURNING id"
    ),
}
