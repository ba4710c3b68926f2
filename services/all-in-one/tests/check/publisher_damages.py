"""What may break in publisher's own tables."""

from damage import of

IDENTITY = "Every identity"

PUBLISHER = {
    "an identity of nobody": of(
        "publisher", IDENTITY, "UPDATE identities SET publisher_id = gen_random_uuid() RETURNING publisher_id"
    ),
    "an identity of another organization": of(
        "publisher", IDENTITY, "UPDATE identities SET organization_id = gen_random_uuid() RETURNING publisher_id"
    ),
    "a publisher without identity": of(
        "publisher", "Every publisher has", "DELETE FROM identities RETURNING publisher_id"
    ),
}
