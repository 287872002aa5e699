"""Reads what clouds publish and files hold; fetch apart from parse. Knows nothing of advice."""
