"""Mailboxes and pages the company receives on."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert

from mail.domain import Account
from mail.storage.tables import ACCOUNTS


def find(connection: Connection, addresses: Sequence[str]) -> list[Account]:
    found = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.address.in_(addresses)))
    return [account_of(row) for row in found]


def of_organization(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[Account]:
    """Those of these that are the organization's, by address."""
    mine = (ACCOUNTS.c.organization_id == organization_id) & ACCOUNTS.c.id.in_(ids)
    found = connection.execute(select(ACCOUNTS).where(mine).order_by(ACCOUNTS.c.address))
    return [account_of(row) for row in found]


def by_ids(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Account]:
    found = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids)))
    return {row.id: account_of(row) for row in found}


def listed(connection: Connection) -> list[Account]:
    return [account_of(row) for row in connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.address))]


def add(connection: Connection, account: Account) -> Account:
    """The account as it stands then: one of this address stays what it is, but for its name."""
    values = {
        "id": account.id,
        "organization_id": account.organization_id,
        "address": account.address,
        "name": account.name,
    }
    statement = insert(ACCOUNTS).values(values)
    kept = statement.on_conflict_do_update(index_elements=["address"], set_={"name": statement.excluded.name})
    return account_of(connection.execute(kept.returning(ACCOUNTS)).one())


def account_of(row: Row[tuple[object, ...]]) -> Account:
    return Account(**row._mapping)
