"""The database: session and transactions, IDs, time, types, dialects."""

