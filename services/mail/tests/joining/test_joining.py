"""Each mail finds its conversation by the first rule that knows one, whoever else arrives when."""

import random
import threading
from itertools import combinations
from typing import Any
from uuid import uuid4

import pytest
from mail_support import PROTOCOL, SECRET, letter
from sqlalchemy import event, func, select, update

from mail import signing
from mail.domain import Account
from mail.files import Files
from mail.handlers.ingest import Ingest, claim, ingest_batch, ingest_due
from mail.storage.tables import CONVERSATIONS, MESSAGES, RAW_MAILS
from servicekit.database import Database
from servicekit.events import claims
from servicekit.testing import eventually

RULES = ["REPLY_ADDRESS", "SIGNED_MESSAGE_ID", "MESSAGE_ID", "REFERENCES", "PROTOCOL"]


def flipped(token: str, at: int = 20) -> str:
    other = "b" if token[at] == "a" else "a"
    return token[:at] + other + token[at + 1 :]


@pytest.mark.parametrize(
    ("rule", "mail"),
    [
        ("SIGNED_MESSAGE_ID", lambda ours: letter("n@c", in_reply_to=[ours.header_id])),
        ("SIGNED_MESSAGE_ID", lambda ours: letter("n@c", references=["x@c", ours.header_id, "y@c"])),
        ("SIGNED_MESSAGE_ID", lambda ours: letter("n@c", in_reply_to=[ours.header_id.upper()])),
        ("MESSAGE_ID", lambda ours: letter("n@c", in_reply_to=["m1@c"])),
        ("MESSAGE_ID", lambda ours: letter("n@c", references=["m1@c", "unknown@c"])),
        ("REFERENCES", lambda ours: letter("n@c", references=["root@c"])),
        ("REFERENCES", lambda ours: letter("n@c", in_reply_to=["root@c"])),
        ("REFERENCES", lambda ours: letter("root@c")),
        ("PROTOCOL", lambda ours: letter("n@c", subject=f"Sobre o protocolo {PROTOCOL}!")),
        ("PROTOCOL", lambda ours: letter("n@c", subject=f"20250101000000000 {PROTOCOL}", sender="ANA@example.com")),
        ("", lambda ours: letter("n@c")),
        ("", lambda ours: letter("n@c", references=["unknown@c"], in_reply_to=["n@c"])),
        ("", lambda ours: letter("n@c", subject=f"Sobre {PROTOCOL}", sender="strange@example.com")),
        ("", lambda ours: letter("n@c", subject=f"Sobre 1{PROTOCOL}")),
        ("", lambda ours: letter("n@c", subject="Sobre 20250101000000000")),
        ("", lambda ours: letter("n@c", in_reply_to=[f"g.{flipped(ours.token)}@demo.guiche"])),
        ("", lambda ours: letter("n@c", in_reply_to=[f"{ours.token}@demo.guiche"])),
    ],
)
def test_a_mail_joins_by_what_it_names(arrive: Any, found: Any, begun: Any, rule: str, mail: Any) -> None:
    raw = mail(begun.ours)
    arrive(raw)
    message = found()["root@c" if b"Message-ID: <root@c>" in raw else "n@c"]
    assert (message.joined_by, message.conversation_id == begun.conversation) == (rule, bool(rule))
    assert message.mailbox == next(iter(found().values())).mailbox


def test_a_mail_to_the_signed_address_of_a_message_joins_it_however_it_is_written(
    arrive: Any, found: Any, begun: Any
) -> None:
    arrive(letter("n@c", sender="new@example.com"), to=[begun.ours.address])
    arrive(letter("o@c", sender="new@example.com"), to=[begun.ours.address.upper()])
    arrive(letter("p@c", sender="new@example.com"), to=["atendimento@demo.guiche", begun.ours.address])
    for own in ("n@c", "o@c", "p@c"):
        assert (found()[own].joined_by, found()[own].conversation_id) == ("REPLY_ADDRESS", begun.conversation)


@pytest.mark.parametrize(
    "forge",
    [
        lambda ours: ours.address.replace(ours.token, flipped(ours.token)),
        lambda ours: ours.address.replace(ours.token, flipped(ours.token, 38)),
        lambda ours: ours.address.replace(ours.token, ours.token[:-1]),
        lambda ours: ours.address.replace(ours.token, signing.token(b"another secret", ours.id)),
        lambda ours: ours.address.replace(ours.token, signing.token(SECRET, uuid4())),
        lambda ours: ours.address.replace("+" + ours.token, "+vendas"),
    ],
    ids=["forged", "forged at its end", "cut", "expired key", "no message", "plain"],
)
def test_a_forged_address_joins_nothing_and_the_other_rules_still_apply(
    arrive: Any, found: Any, begun: Any, forge: Any
) -> None:
    arrive(letter("n@c"), to=[forge(begun.ours)])
    arrive(letter("o@c", in_reply_to=["m1@c"]), to=[forge(begun.ours)])
    assert (found()["n@c"].joined_by, found()["n@c"].conversation_id == begun.conversation) == ("", False)
    assert (found()["o@c"].joined_by, found()["o@c"].conversation_id) == ("MESSAGE_ID", begun.conversation)


def test_a_token_is_good_in_one_form_alone() -> None:
    for message_id in (uuid4() for _ in range(50)):
        token = signing.token(SECRET, message_id)
        assert signing.message_of(SECRET, token) == message_id
        for letter_ in "abcdefghijklmnopqrstuvwxyz234567".replace(token[-1], ""):
            assert signing.message_of(SECRET, token[:-1] + letter_) is None


def test_nothing_joins_across_organizations(arrive: Any, found: Any, begun: Any, foreign_account: Account) -> None:
    signed = signing.reply_address(foreign_account.address, begun.ours.token)
    addressed = Account(foreign_account.id, foreign_account.organization_id, signed, "")
    arrive(letter("a@c"), to=[addressed])
    arrive(letter("b@c", in_reply_to=[begun.ours.header_id, "m1@c"], references=["root@c"]), to=[foreign_account])
    arrive(letter("c@c", subject=PROTOCOL), to=[foreign_account])
    assert [found()[own].joined_by for own in ("a@c", "b@c", "c@c")] == ["", "", ""]


def test_the_first_rule_decides_whatever_else_the_mail_names(
    arrive: Any, found: Any, answer: Any, account: Account, ticket_of: Any
) -> None:
    """Every pair and more of rules, each leading to a conversation of its own."""
    for number, rules in enumerate(of for size in (2, 3, 5) for of in combinations(RULES, size)):
        roots = [letter(f"{rule}-{number}@c", references=[f"seen-{rule}-{number}@c"]) for rule in RULES]
        arrive(*roots)
        at = {rule: found()[f"{rule}-{number}@c"].conversation_id for rule in RULES}
        ours = {rule: answer(account, at[rule]) for rule in RULES}
        protocol = f"202611211234{number:05}"
        ticket_of(account.organization_id, at["PROTOCOL"], protocol)
        references = [
            *([ours["SIGNED_MESSAGE_ID"].header_id] if "SIGNED_MESSAGE_ID" in rules else []),
            *([f"MESSAGE_ID-{number}@c"] if "MESSAGE_ID" in rules else []),
            *([f"seen-REFERENCES-{number}@c"] if "REFERENCES" in rules else []),
        ]
        subject = protocol if "PROTOCOL" in rules else "Pedido"
        to = [ours["REPLY_ADDRESS"].address] if "REPLY_ADDRESS" in rules else []
        arrive(letter(f"n{number}@c", references=references, subject=subject), to=to)
        message = found()[f"n{number}@c"]
        assert (message.joined_by, message.conversation_id) == (rules[0], at[rules[0]]), rules


def test_of_several_conversations_that_of_the_same_mailbox_wins_and_then_the_newest(
    arrive: Any, found: Any, other_account: Account
) -> None:
    arrive(letter("a@c"), letter("b@c"))
    arrive(letter("c@c"), to=[other_account])
    arrive(letter("n@c", references=["b@c", "a@c", "c@c"]))
    arrive(letter("o@c", references=["b@c", "a@c", "c@c"]), to=[other_account])
    assert found()["n@c"].conversation_id == found()["b@c"].conversation_id
    assert found()["o@c"].conversation_id == found()["c@c"].conversation_id


def test_an_answer_that_comes_to_another_mailbox_of_the_organization_joins_too(
    arrive: Any, found: Any, begun: Any, other_account: Account
) -> None:
    arrive(letter("n@c", in_reply_to=[begun.ours.header_id]), to=[other_account])
    assert (found()["n@c"].joined_by, found()["n@c"].conversation_id) == ("SIGNED_MESSAGE_ID", begun.conversation)


@pytest.mark.parametrize("together", [True, False])
def test_parent_child_and_grandchild_join_in_one_batch_and_one_by_one(arrive: Any, found: Any, together: bool) -> None:
    thread = [letter("a@c"), letter("b@c", in_reply_to=["a@c"]), letter("c@c", references=["b@c"])]
    for batch in [thread] if together else [[one] for one in thread]:
        arrive(*batch)
    assert len({found()[own].conversation_id for own in ("a@c", "b@c", "c@c")}) == 1
    assert [found()[own].joined_by for own in ("a@c", "b@c", "c@c")] == ["", "MESSAGE_ID", "MESSAGE_ID"]


@pytest.mark.parametrize("together", [True, False])
def test_siblings_of_an_unknown_root_join_each_other_and_the_root_joins_them(
    arrive: Any, found: Any, together: bool
) -> None:
    thread = [letter("a@c", in_reply_to=["root@c"]), letter("b@c", references=["root@c"]), letter("root@c")]
    for batch in [thread] if together else [[one] for one in thread]:
        arrive(*batch)
    assert len({found()[own].conversation_id for own in ("a@c", "b@c", "root@c")}) == 1
    assert [found()[own].joined_by for own in ("a@c", "b@c", "root@c")] == ["", "REFERENCES", "REFERENCES"]


def test_a_sender_who_joined_takes_part_from_then_on_also_within_a_batch(arrive: Any, found: Any, begun: Any) -> None:
    arrive(
        letter("a@c", in_reply_to=["m1@c"], sender="bia@x.example"),
        letter("b@c", subject=PROTOCOL, sender="bia@x.example"),
    )
    arrive(letter("c@c", subject=PROTOCOL, sender="bia@x.example"))
    assert [found()[own].joined_by for own in ("a@c", "b@c", "c@c")] == ["MESSAGE_ID", "PROTOCOL", "PROTOCOL"]


def test_one_id_for_all_mails_of_a_program_joins_nothing(arrive: Any, found: Any, database: Database) -> None:
    arrive(letter("b@c", references=["form@c"]), letter("form@c", body="um"), letter("form@c", body="dois"))
    arrive(letter("form@c", body="três"))
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(CONVERSATIONS)) == 3


def test_the_same_mail_to_two_mailboxes_opens_two_conversations_which_answers_keep_apart(
    arrive: Any, found: Any, database: Database, account: Account, other_account: Account
) -> None:
    both = [account, other_account]
    arrive(letter("a@c", references=["root@c"]), to=both)
    arrive(letter("b@c", in_reply_to=["a@c"], references=["root@c", "a@c"]), to=both)
    arrive(letter("c@c", references=["root@c"]), to=[other_account])
    with database.transaction() as connection:
        said = connection.execute(select(MESSAGES.c.message_id_header, MESSAGES.c.conversation_id)).all()
        homes = {row.id: row.account_id for row in connection.execute(select(CONVERSATIONS))}
    assert len(homes) == 2
    assert [sorted(own for own, at in said if homes[at] == one.id) for one in both] == [
        ["a@c", "b@c"],
        ["a@c", "b@c", "c@c"],
    ]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("rule", ["SIGNED_MESSAGE_ID", "REFERENCES", "PROTOCOL"])
def test_a_copy_to_another_mailbox_stays_out_of_the_conversation_whichever_is_ingested_first(
    accept: Any,
    ingest: Ingest,
    database: Database,
    begun: Any,
    account: Account,
    other_account: Account,
    rule: str,
    first: int,
) -> None:
    own, raw = {
        "SIGNED_MESSAGE_ID": ("n@c", letter("n@c", in_reply_to=[begun.ours.header_id])),
        "REFERENCES": ("root@c", letter("root@c")),
        "PROTOCOL": ("n@c", letter("n@c", subject=PROTOCOL)),
    }[rule]
    accept(raw, to=[account, other_account])
    later = (other_account, account)[first]
    with database.transaction() as connection:
        mine = (RAW_MAILS.c.account_id == later.id) & (RAW_MAILS.c.message_id == own)
        connection.execute(
            update(RAW_MAILS).where(mine).values(next_at=func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 1))
        )
    assert ingest_batch(ingest) == 1
    with database.transaction() as connection:
        connection.execute(update(RAW_MAILS).values(next_at=func.clock_timestamp()))
    assert ingest_batch(ingest) == 1
    with database.transaction() as connection:
        joined = connection.execute(
            select(RAW_MAILS.c.account_id, MESSAGES.c.joined_by, MESSAGES.c.conversation_id)
            .join(MESSAGES, MESSAGES.c.raw_mail_id == RAW_MAILS.c.id)
            .where(RAW_MAILS.c.message_id == own)
        ).all()
    by_account = {row.account_id: (row.joined_by, row.conversation_id == begun.conversation) for row in joined}
    assert by_account == {account.id: (rule, True), other_account.id: ("", False)}


def test_an_answer_waits_for_its_parent_without_losing_an_attempt(
    accept: Any, ingest: Ingest, database: Database, found: Any, rows: Any
) -> None:
    accept(letter("a@c"))
    [parent] = claim(database, 1, tried=False)
    accept(letter("b@c", in_reply_to=["a@c"]), letter("c@c", in_reply_to=["b@c"]), letter("x@c"))
    assert ingest_batch(ingest) == 1
    assert list(found()) == ["x@c"]
    early = [row for row in rows(RAW_MAILS) if row.message_id in ("b@c", "c@c")]
    assert [(row.state, row.attempts) for row in early] == [("WAITING", 0)] * 2
    with database.transaction() as connection:
        connection.execute(update(RAW_MAILS).where(RAW_MAILS.c.id == parent.id).values(next_at=func.clock_timestamp()))

    def settled() -> bool:
        ingest_due(ingest)
        return len(found()) == 4

    eventually(settled)
    assert len({found()[own].conversation_id for own in ("a@c", "b@c", "c@c")}) == 1


def test_an_answer_waits_for_a_parent_of_its_own_batch_that_could_not_be_stored_yet(
    accept: Any, ingest: Ingest, database: Database, files: Files, found: Any, rows: Any
) -> None:
    accept(letter("a@c"), letter("b@c", in_reply_to=["a@c"]), letter("x@c"))
    [parent] = [row for row in rows(RAW_MAILS) if row.message_id == "a@c"]
    path = files.folder / parent.file_key
    path.rename(path.with_suffix(".away"))
    assert ingest_batch(ingest) == 3
    assert list(found()) == ["x@c"]
    assert [(row.state, row.attempts) for row in rows(RAW_MAILS) if row.message_id == "b@c"] == [("WAITING", 0)]
    path.with_suffix(".away").rename(path)

    def settled() -> bool:
        ingest_due(ingest)
        return len(found()) == 3

    eventually(settled)
    assert found()["b@c"].joined_by == "MESSAGE_ID"


def test_an_answer_to_a_mail_in_quarantine_or_to_a_later_one_waits_for_nothing(
    accept: Any, arrive: Any, ingest: Ingest, database: Database, found: Any
) -> None:
    accept(letter("a@c"))
    [parent] = claim(database, 1, tried=False)
    with database.transaction() as connection:
        claims.failed(connection, RAW_MAILS, parent, RuntimeError("bad"))
    arrive(letter("b@c", in_reply_to=["a@c"]))
    accept(letter("c@c", in_reply_to=["d@c"]), letter("d@c", in_reply_to=["c@c"]))
    assert ingest_batch(ingest) == 2
    assert set(found()) == {"b@c", "c@c", "d@c"}


def test_two_workers_at_once_put_every_thread_into_one_conversation(
    accept: Any, ingest: Ingest, database: Database, files: Files, found: Any
) -> None:
    """Forty threads of four mails, each naming an earlier one or only the thread's root, which never comes."""
    chance = random.Random(42)
    threads = [[f"{n}-{thread}@c" for n in range(4)] for thread in range(40)]
    waiting = [[(own, thread[:n]) for n, own in enumerate(thread)] for thread in threads]
    mails = []
    while any(waiting):
        thread = chance.choice([one for one in waiting if one])
        own, earlier = thread.pop(0)
        root = f"root-{own.partition('-')[2]}"
        mails.append(letter(own, references=[chance.choice([root, *earlier]), root]))
    accept(*mails)
    with Ingest(database, files, 1, SECRET) as other:

        def work(one: Ingest) -> None:
            eventually(lambda: ingest_due(one) == 0 and not waits(database), seconds=60)

        workers = [threading.Thread(target=work, args=(one,)) for one in (ingest, other)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(90)
    messages_found = found()
    assert len(messages_found) == 160
    for thread in threads:
        assert len({messages_found[own].conversation_id for own in thread}) == 1
    assert len({row.conversation_id for row in messages_found.values()}) == 40


def waits(database: Database) -> bool:
    with database.transaction() as connection:
        return bool(connection.scalar(select(func.count()).where(RAW_MAILS.c.state == "WAITING")))


@pytest.mark.parametrize(("references", "most"), [(0, 15), (30, 17)])
def test_a_batch_of_fifty_takes_a_handful_of_queries(
    accept: Any, ingest: Ingest, database: Database, begun: Any, references: int, most: int
) -> None:
    names = [f"old{n}@c" for n in range(references)]
    accept(*[letter(f"n{number}@c", references=[*names, f"n{number - 1}@c"] if names else []) for number in range(50)])
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", count)
    assert ingest_batch(ingest) == 50
    event.remove(database.engine, "before_cursor_execute", count)
    own = [one for one in statements if "next_at=(clock_timestamp()" not in one or "attempts" in one]
    assert len(own) <= most, own


def test_a_batch_of_large_messages_is_written_by_several_statements(
    accept: Any, ingest: Ingest, database: Database, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(*[letter(f"n{number}@c") for number in range(5)])
    monkeypatch.setattr("mail.storage.messages.MOST_CHARACTERS", 1)
    statements: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda _, cursor, statement, *more: statements.append(statement)
    )
    assert ingest_batch(ingest) == 5
    assert len([one for one in statements if one.startswith("INSERT INTO messages ")]) == 5
    with database.transaction() as connection:
        written = select(func.count()).where(MESSAGES.c.message_id_header.in_([f"n{number}@c" for number in range(5)]))
        assert connection.scalar(written) == 5
