"""Rows that commands, server and pages show alike; each is made in one place."""
