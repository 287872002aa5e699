"""Alerts: rules over what the warehouse knows, what fires, and what is told of it."""
