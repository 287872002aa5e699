"""The dashboard: pages made on the server, in English and Chinese, that work without scripts."""
