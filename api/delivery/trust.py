"""Whose certificates are good: those of this machine, and of SSL_CERT_FILE and SSL_CERT_DIR."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The context for every connection of this process; it takes 50 ms to read them all."""
    return ssl.create_default_context()
