"""Rules: what arrives where opens tickets where."""

from uuid import UUID

from sqlalchemy import Connection

from routing.handlers.directory import AlreadyExists, exists, own, require
from routing.storage import directory
from routing.storage.tables import LEVELS, ORGANIZATIONS

PRIORITIES = ("LOW", "MEDIUM_LOW", "MEDIUM", "MEDIUM_HIGH", "HIGH")


def add_rule(
    connection: Connection,
    organization_id: UUID,
    account_id: UUID,
    level_id: UUID,
    priority: str = "MEDIUM",
    position: int = 1,
) -> UUID:
    """What arrives on the account opens tickets in the level. Of several rules of an account the first wins."""
    require(priority in PRIORITIES, "priority", f"is none of {', '.join(PRIORITIES)}")
    require(position > 0, "position", "counts from 1")
    exists(connection, ORGANIZATIONS, organization_id)
    own(connection, LEVELS, organization_id, {level_id})
    rule = {"account_id": account_id, "level_id": level_id, "priority": priority, "position": position}
    rule_id = directory.add_rule(connection, organization_id=organization_id, **rule)
    if rule_id is None:
        raise AlreadyExists("The account has a rule at this position already.")
    return rule_id
