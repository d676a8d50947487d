"""Languages, and how dates, numbers and money are formatted in them."""
