"""The ticket service's settings, all from GUICHE_…."""

from servicekit.config import Settings


class TicketSettings(Settings):
    ticket_database_url: str
