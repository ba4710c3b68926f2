"""What a ticket is. Rules only: no database, no network, no clock but the one handed in."""
