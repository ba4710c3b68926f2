from servicekit.config import Settings


class PublisherSettings(Settings):
    # SQLAlchemy URL of this service's own database, e.g. postgresql+psycopg://publisher@host/publisher
    publisher_database_url: str
