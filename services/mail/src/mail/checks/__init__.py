"""What must be true of mails, messages, deliveries and files, seen from mail's own tables and its store."""

from functools import partial

from mail.checks import files, incoming, outgoing
from mail.checks.store import Store
from mail.storage.tables import RAW_MAILS
from servicekit.checking import Check
from servicekit.checks import EVENTS, work_is_done


def checks(store: Store) -> tuple[Check, ...]:
    return (
        Check("Every accepted mail has one fate: a message, quarantine, or its turn", incoming.every_mail_has_one_fate),
        Check("No mail was accepted twice in one mailbox", incoming.none_is_accepted_twice),
        Check("Every accepted mail is ingested in time", work_is_done(RAW_MAILS, "mail", "received_at")),
        Check("Every message that arrived is of an accepted mail", incoming.every_message_has_its_mail),
        Check("What machines answer stands on the ticket of what they answer", incoming.answers_follow_their_message),
        Check(
            "The bytes of every accepted mail are its organization's, there and unchanged",
            partial(files.mails_are_there, store),
        ),
        Check(
            "Every attachment is its organization's, there and unchanged", partial(files.attachments_are_there, store)
        ),
        Check("Every upload is its organization's, there and unchanged", partial(files.uploads_are_there, store)),
        Check(
            "Every mail that was composed is its organization's, there and unchanged",
            partial(files.composed_mails_are_there, store),
        ),
        Check("Every file has its owner", partial(files.files_have_owners, store), leftover=True),
        Check("Every released message has exactly one delivery, which says the same", outgoing.one_delivery_each),
        Check("No ticket is acknowledged twice", outgoing.one_acknowledgement_each),
        Check("What is to be sent is sent in time", outgoing.deliveries_go_on),
        *EVENTS,
    )
