"""Mails that leave: made, and handed to a server. Knows neither database nor events."""
