"""Languages, and the formats of dates, numbers and money."""
