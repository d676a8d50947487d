"""Names, addresses, phones, tax numbers: their shape.

Pure functions from what a person typed to the form that is stored, or `Malformed` with a code.
They know no database and no sentence. Each accepts its own result again and returns it unchanged.
"""

from portal.domain.values.country import countries, country
from portal.domain.values.email_address import EmailAddress, domain_of, email, in_domains
from portal.domain.values.invalid import CODES, Invalid
from portal.domain.values.phone import Phone, phone
from portal.domain.values.tax_number import (
    TAX_LABELS,
    tax_example,
    tax_label,
    tax_number,
    tax_required,
)
from portal.domain.values.text import line, paragraph, quote, search_key
