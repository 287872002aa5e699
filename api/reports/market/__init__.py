"""Market reports: what a day or a week brought, as one document that every format is made of."""
