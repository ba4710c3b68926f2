"""`python -m publisher migrate | api | worker | republish | inbox …`"""

from publisher.config import PublisherSettings
from publisher.main import build
from servicekit.cli import main

if __name__ == "__main__":
    main("publisher", PublisherSettings, lambda settings: settings.publisher_database_url, build)
