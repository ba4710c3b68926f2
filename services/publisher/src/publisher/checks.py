"""What must be true of publishers, seen from their own tables."""

from collections.abc import Iterator

from sqlalchemy import select

from publisher.storage import IDENTITIES, PUBLISHERS
from servicekit.checking import Check, Finding, Look
from servicekit.checks import EVENTS


def each_identity_is_somebody_s(look: Look) -> Iterator[Finding]:
    owner = PUBLISHERS.c.organization_id.label("owner")
    query = select(*(IDENTITIES.c[name] for name in ("organization_id", "kind", "value", "publisher_id")), owner)
    query = query.outerjoin(PUBLISHERS, PUBLISHERS.c.id == IDENTITIES.c.publisher_id)
    for _, rows in look.pages(query, IDENTITIES.c.organization_id, IDENTITIES.c.kind, IDENTITIES.c.value):
        for row in rows:
            # Never the address: findings are copied into chats and tickets.
            if row.owner is None:
                yield Finding(
                    str(row.publisher_id), f"an identity ({row.kind}) names them, and there is no such publisher"
                )
            elif row.owner != row.organization_id:
                yield Finding(str(row.publisher_id), f"an identity ({row.kind}) of another organization names them")


def everybody_can_be_recognised(look: Look) -> Iterator[Finding]:
    has_one = select(IDENTITIES.c.publisher_id).where(IDENTITIES.c.publisher_id == PUBLISHERS.c.id).exists()
    for _, rows in look.pages(select(PUBLISHERS.c.id, has_one.label("has_one")), PUBLISHERS.c.id):
        for row in rows:
            if not row.has_one:
                yield Finding(str(row.id), "this publisher has no identity, and will never be recognised again")


CHECKS = (
    Check("Every identity is one of a publisher of its own organization", each_identity_is_somebody_s),
    Check("Every publisher has an identity", everybody_can_be_recognised),
    *EVENTS,
)
