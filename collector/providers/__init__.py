"""One folder per cloud; see `collector.provider`."""
