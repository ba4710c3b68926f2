"""`python -m all_in_one.gateway`: as `python -m gateway`, with the outbox among its pages."""

from all_in_one import outbox
from gateway import serving
from gateway.edge import Edge
from mail.config import MailSettings


def application() -> Edge:
    return serving.application(outbox.pages_where_needed(MailSettings()))


if __name__ == "__main__":
    serving.serve_granian("all_in_one.gateway:application")
