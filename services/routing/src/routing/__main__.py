"""`python -m routing migrate | api | worker | organization … | attendant … | rule … | occurrence … | inbox …`"""

from routing.commands import add_commands
from routing.config import RoutingSettings
from routing.main import build
from servicekit.cli import main

if __name__ == "__main__":
    main("routing", RoutingSettings, lambda settings: settings.routing_database_url, build, own=add_commands)
