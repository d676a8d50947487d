"""Values that people give: names, addresses, phone and tax numbers, countries, pictures.

Pure functions from the input to its stored form; they raise `Invalid` with a code. They know no
database and no sentences. Each of text is idempotent: it returns its own result unchanged.
"""

from portal.domain.values.country import countries, country
from portal.domain.values.email_address import EmailAddress, domain_of, email, is_in_domains
from portal.domain.values.invalid import CODES, Invalid
from portal.domain.values.phone import Phone, phone
from portal.domain.values.picture import (
    PICTURE_BYTES,
    Picture,
    PictureType,
    picture,
    picture_too_large,
)
from portal.domain.values.tax_number import (
    TAX_LABELS,
    is_tax_number_required,
    tax_example,
    tax_label,
    tax_number,
)
from portal.domain.values.text import line, paragraph, quote, search_key
