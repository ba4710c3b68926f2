"""Answering a customer: the way through ticket and mail, which know nothing of each other."""

from guiche.common.v1 import access_pb2
from guiche.gateway.v1 import reply_service_pb2
from guiche.mail.v1 import message_service_pb2, message_service_pb2_grpc
from guiche.ticket.v1 import verb_service_pb2, verb_service_pb2_grpc

from gateway.gate import Gate
from gateway.grants import ask_grant
from servicekit.rpc.caller import Attendant

# A draft may copy 20 MiB of files; the first answer of a neighbour that is starting may take a while as well.
PREPARE_SECONDS = 20.0


def reply_to_ticket(
    gate: Gate, attendant: Attendant, asked: reply_service_pb2.ReplyToTicketRequest
) -> reply_service_pb2.ReplyToTicketResponse:
    """Draft, then verb, then (by the verb's event) sending. What either service refuses is raised as it is.

    Every step knows a repeated request_id by itself and gives the answer of the first time, so whatever ended half-way
    is completed by doing all of it again: no state is kept here.
    """
    ticket, mail = gate.peers["ticket"], gate.peers["mail"]
    grant = ask_grant(ticket, attendant, asked.ticket_id, access_pb2.GRANT_ACTION_REPLY, asked.request_id)
    prepare = message_service_pb2_grpc.MessageServiceStub(mail.channel).PrepareReply
    draft = mail.call(prepare, content_of(asked), attendant, grant, PREPARE_SECONDS)
    release = verb_service_pb2_grpc.VerbServiceStub(ticket.channel).ReplyTicket
    done = ticket.call(release, verb_of(asked, draft.message_id), attendant)
    return reply_service_pb2.ReplyToTicketResponse(ticket=done.ticket)


def content_of(asked: reply_service_pb2.ReplyToTicketRequest) -> message_service_pb2.PrepareReplyRequest:
    return message_service_pb2.PrepareReplyRequest(
        ticket_id=asked.ticket_id,
        request_id=asked.request_id,
        account_id=asked.account_id,
        to=asked.to,
        cc=asked.cc,
        bcc=asked.bcc,
        subject=asked.subject,
        text=asked.text,
        html=asked.html,
        attachment_ids=asked.attachment_ids,
    )


def verb_of(asked: reply_service_pb2.ReplyToTicketRequest, message_id: str) -> verb_service_pb2.ReplyTicketRequest:
    return verb_service_pb2.ReplyTicketRequest(
        ticket_id=asked.ticket_id,
        request_id=asked.request_id,
        message_id=message_id,
        then_status=asked.then_status,
        awaiting=asked.awaiting if asked.HasField("awaiting") else None,
        seen_up_to=asked.seen_up_to,
        classification=asked.classification if asked.HasField("classification") else None,
    )
