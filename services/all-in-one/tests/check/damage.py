"""What the damages that are planted are made of."""

from dataclasses import dataclass

# Of statements that break what the database itself forbids.
ONE = "(SELECT id FROM tickets ORDER BY id LIMIT 1)"
LATE = "clock_timestamp() - interval '1 hour'"
ARRIVED = "(SELECT id FROM messages WHERE direction = 'IN' AND automatic = '' ORDER BY id LIMIT 1)"
REPLY = "(SELECT id FROM messages WHERE direction = 'OUT' AND automatic = '' ORDER BY id LIMIT 1)"
ROUTED = "(SELECT id FROM occurrences WHERE state = 'ROUTED' ORDER BY id LIMIT 1)"


def without_checks(table: str) -> str:
    """Takes away what the table demands of its rows."""
    return f"""DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
            EXECUTE 'ALTER TABLE {table} DROP CONSTRAINT ' || quote_ident(name);
        END LOOP; END $$"""


def copy_of(table: str, which: str, then: str, key: str = "id") -> tuple[str, ...]:
    """A row a second time, under another id."""
    return (
        f"CREATE TEMP TABLE copy AS SELECT * FROM {table} WHERE {which} LIMIT 1",
        f"UPDATE copy SET {key} = gen_random_uuid()",
        f"INSERT INTO {table} SELECT * FROM copy RETURNING {then}",
    )


@dataclass(frozen=True)
class Damage:
    """The statements; the last one gives the ids that must be named. promise: how the broken one begins."""

    owner: str
    promise: str
    statements: tuple[str, ...]


def of(owner: str, promise: str, *statements: str) -> Damage:
    return Damage(owner, promise, statements)
