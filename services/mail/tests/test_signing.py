"""Names by which answers find the message they answer, and which nobody else can make."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.domain import base_address
from mail.signing import (
    header_id,
    header_id_of,
    message_of,
    reply_address,
    secret_of,
    token,
    token_in_address,
    token_in_header_id,
)
from servicekit import pages

SECRET = b"s" * 32


@given(st.uuids())
def test_a_name_leads_back_to_its_message_however_it_is_written(message_id):
    made = token(SECRET, message_id)
    address, header = reply_address("sac@demo.guiche", made), header_id(made, "demo.guiche")
    assert header == header_id_of(SECRET, message_id, "sac@demo.guiche")
    assert base_address(address) == "sac@demo.guiche"
    for found in (
        token_in_address(address),
        token_in_address(f" {address.upper()} "),
        token_in_header_id(header),
        token_in_header_id(header.upper()),
    ):
        assert message_of(SECRET, found) == message_id


@given(st.uuids(), st.integers(0, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_name_that_was_changed_leads_nowhere_else(message_id, position, letter):
    made = token(SECRET, message_id)
    forged = made[:position] + letter + made[position + 1 :]
    assert message_of(SECRET, forged) == (message_id if forged == made else None)
    assert message_of(b"other", made) is None


@given(st.text(max_size=60))
def test_what_is_no_name_is_none(text):
    assert message_of(SECRET, text) is None
    assert token_in_address(text) == "" or len(token_in_address(text)) == 39
    assert token_in_header_id(text) == "" or len(token_in_header_id(text)) == 39


@pytest.mark.parametrize(("local", "signed"), [("a" * 24, True), ("a" * 25, False)])
def test_an_address_that_would_become_too_long_stays_plain(local, signed):
    address = reply_address(f"{local}@demo.guiche", token(SECRET, uuid4()))
    assert (address != f"{local}@demo.guiche") is signed
    assert len(address.rpartition("@")[0]) <= 64


def test_the_secret_is_the_services_own_and_serves_nothing_else(keys_of):
    mine = secret_of(keys_of("mail"))
    assert mine == secret_of(keys_of("mail"))
    assert mine not in (secret_of(keys_of("ticket")), pages.secret_of(keys_of("mail")))
    assert message_of(mine, token(mine, UUID(int=1))) == UUID(int=1)
