"""The vocabulary, the database, and every question asked of it."""
