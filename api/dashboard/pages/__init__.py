"""One module for each page: it asks the service and lays the answer out."""
