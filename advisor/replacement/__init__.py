"""Replacing a node before it dies: what is decided, and the steps of a hand-over; pure."""
