"""Phone and tax numbers: read by the rules of a country, kept in one form."""

from __future__ import annotations

import pytest

from portal.domain import values
from portal.domain.values import tax_number_formats


@pytest.mark.parametrize(
    ("typed", "country", "e164", "display"),
    [
        ("8 (495) 123-45-67", "RU", "+74951234567", "+7 495 123-45-67"),
        ("+49 30 901820", "RU", "+4930901820", "+49 30 901820"),
        ("030/901820", "de", "+4930901820", "+49 30 901820"),
        ("８（４９５）１２３－４５－６７", "RU", "+74951234567", "+7 495 123-45-67"),
        ("٠٢٢٧٣٥٦٣٣٣", "EG", "+20227356333", "+20 2 27356333"),
        ("\u202a+7 495 123‑45‑67\u202c", "KZ", "+74951234567", "+7 495 123-45-67"),
        ("02 1234 5678", "IT", "+390212345678", "+39 02 1234 5678"),
    ],
)
def test_a_phone_is_read_with_its_country_or_internationally(
    typed: str, country: str, e164: str, display: str
) -> None:
    assert values.phone(typed, country) == values.Phone(e164, display, is_valid=True)


def test_a_possible_number_that_no_plan_assigns_is_kept_with_a_warning() -> None:
    assert values.phone("+7 000 000-00-00", "RU").is_valid is False


@pytest.mark.parametrize(
    ("country", "typed", "kept"),
    [
        ("RU", "7707 083-893", "7707083893"),
        ("RU", "123456789047", "123456789047"),
        ("RU", "\u202a7707083893\u202c", "7707083893"),
        ("KZ", "971240001315", "971240001315"),
        ("KZ", "050140000201", "050140000201"),
        ("DE", "de 136 695 976", "DE136695976"),
        ("DE", "136695976", "DE136695976"),
        ("DE", "181/815/08155", "18181508155"),
        ("DE", "DE136695976-00001", "DE13669597600001"),
        ("GR", "EL094259216", "EL094259216"),
        ("GR", "GR 094259216", "EL094259216"),
        ("AT", "U13585627", "ATU13585627"),
        ("AT", "59-119/9013", "591199013"),
        ("BE", "428.759.497", "BE0428759497"),
        ("FR", "FR 23 334 175 221", "FR23334175221"),
        ("FR", "404 833 048", "404833048"),
        ("HU", "12892312-2-42", "12892312242"),
        ("IT", "RCCMNL83S18D969H", "RCCMNL83S18D969H"),
        ("RO", "18547290", "RO18547290"),
        ("RO", "RO 185 472 90", "RO18547290"),
        ("GB", "980 7806 84", "GB980780684"),
        ("GB", "XI980780684", "XI980780684"),
        ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("NO", "NO 995 525 828 MVA", "995525828MVA"),
        ("BY", "УНП 200988541", "200988541"),
        ("UA", "32855961", "32855961"),
        ("TR", "4540536920", "4540536920"),
        ("IN", "27AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
        ("US", "12-3456789", "123456789"),
        ("SA", "٣٠٠٠٠٠٠٠٠٠٠٠٠٠٣", "300000000000003"),
        ("KG", "ab/12.3 -4", "AB/12.34"),
    ],
)
def test_a_tax_number_is_kept_in_one_form(country: str, typed: str, kept: str) -> None:
    assert values.tax_number(typed, country) == kept
    assert values.tax_number(kept, country.lower()) == kept


def test_a_tax_number_is_required_in_russia_and_kazakhstan_and_named_as_there() -> None:
    required = {code for code, _ in values.countries("en") if values.is_tax_number_required(code)}
    assert required == {"RU", "KZ"}
    assert [values.tax_label(code) for code in ("ru", "KZ", "GR", "US")] == [
        "INN", "BIN/IIN", "VAT number", "Tax number",
    ]  # fmt: skip
    assert {values.tax_label(code) for code, _ in values.countries("en")} == values.TAX_LABELS


def test_every_kind_of_tax_number_named_in_the_table_exists() -> None:
    assert all(tax_number_formats.checks(country) for country in tax_number_formats.KINDS)
    assert set(tax_number_formats.KINDS) <= {code for code, _ in values.countries("en")}


def test_an_example_has_the_form_of_its_countrys_number_and_is_nobodys() -> None:
    named = [c for c, _ in values.countries("en") if values.tax_label(c) != "Tax number"]
    assert len(named) > 40
    for country in named:
        with pytest.raises(values.Invalid) as fault:
            values.tax_number(values.tax_example(country), country)
        assert fault.value.code == "tax-check-digits", country
    assert values.tax_example("US") == values.tax_example("") == ""
