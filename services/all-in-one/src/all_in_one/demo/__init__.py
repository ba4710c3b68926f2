"""A small company to try Guichê with: people, departments, and customers who have written."""
