"""What every route shares: errors, representations, pages, who is asking."""
