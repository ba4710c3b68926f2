"""`python -m ticket migrate | api | worker | republish | inbox …`"""

from servicekit.cli import main
from ticket.config import TicketSettings
from ticket.main import build

if __name__ == "__main__":
    main("ticket", TicketSettings, lambda settings: settings.ticket_database_url, build)
