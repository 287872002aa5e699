"""What a running server knows and is asked: the same answers for HTTP, dashboard and agents."""
