"""The kinds of tax number of each country, and their checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module

from stdnum.de import vat as de_vat
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength
from stdnum.hu import anum as hu_anum
from stdnum.lt import pvm as lt_pvm

EU = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip
"""The member states of the European Union, by ISO 3166-1."""

VAT_PREFIXES = {code: code for code in EU} | {"GR": "EL", "GB": "GB"}
"""The prefixes of VAT numbers, by country; there the first kind in KINDS is the VAT number."""

KINDS: dict[str, tuple[str, ...]] = {
    "AT": ("at.uid", "at.tin"),
    "BE": ("be.vat", "be.nn", "be.bis"),
    "BG": ("bg.vat",),
    "CY": ("cy.vat",),
    "CZ": ("cz.dic",),
    "DE": ("de.vat", "de.idnr", "de.stnr", "own.de_business"),
    "DK": ("dk.cvr", "dk.cpr"),
    "EE": ("ee.kmkr", "ee.registrikood", "ee.ik"),
    "ES": ("es.nif",),
    "FI": ("fi.alv",),
    "FR": ("fr.tva", "fr.siren", "fr.siret", "fr.nif"),
    "GR": ("gr.vat",),
    "HR": ("hr.oib",),
    "HU": ("hu.anum", "own.hu_domestic", r"=\d{10}"),
    "IE": ("ie.vat", "ie.pps"),
    "IT": ("it.iva", "it.codicefiscale"),
    "LT": ("lt.pvm", "lt.asmens", "own.lt_company"),
    "LU": ("lu.tva", r"=\d{11}", r"=\d{13}"),
    "LV": ("lv.pvn",),
    "MT": ("mt.vat", r"=\d{9}", r"=\d{3,7}[A-Z]"),
    "NL": ("nl.btw", "nl.bsn"),
    "PL": ("pl.nip", "pl.pesel"),
    "PT": ("pt.nif",),
    "RO": ("ro.cf", "ro.cnp"),
    "SE": ("se.vat", "se.orgnr"),
    "SI": ("si.ddv",),
    "SK": ("sk.dph",),
    "GB": ("gb.vat", "gb.utr", r"=[A-Z]{2}\d{6}[A-D]"),
    "CH": ("ch.vat", "ch.uid", "ch.ssn"),
    "NO": ("no.mva", "no.orgnr", "no.fodselsnummer"),
    "IS": ("is_.vsk", "is_.kennitala"),
    "RU": ("ru.inn",),
    "KZ": ("own.kz_bin",),
    "BY": ("by.unp",),
    "UA": ("ua.edrpou", "ua.rntrc", r"=\d{12}", r"=\d{9}", r"=[^\W\d_]{2}\d{6}"),
    "MD": ("md.idno", r"=\d{7}"),
    "AZ": ("az.voen",),
    "TR": ("tr.vkn", "tr.tckimlik"),
    "RS": ("rs.pib", r"=\d{13}"),
    "ME": ("me.pib", r"=\d{13}"),
    "MK": ("mk.edb",),
    "AL": ("al.nipt",),
    "IL": ("il.idnr",),
    "IN": ("in_.gstin", "in_.pan"),
    "CN": ("cn.uscc", "cn.ric", r"=\d{15}", r"=\d{20}"),
    "JP": ("jp.cn", r"=T\d{13}"),
    "KR": ("kr.brn", "kr.rrn"),
    "AU": ("au.abn", "au.acn", "au.tfn"),
    "NZ": ("nz.ird", r"=\d{13}"),
    "BR": ("br.cnpj", "br.cpf"),
    "AR": ("ar.cuit",),
    "CL": ("cl.rut",),
}
"""Every kind of number that a business or a sole trader of the country may have.

A name is a module of python-stdnum, `own.` begins the name of a function in `_OWN_CHECKS`, `=`
begins a regular expression for a number without a published check. A country whose kinds are not
known for certain is left out: refusing a right number costs a customer, accepting a wrong one costs
only a correction.
"""

Check = Callable[[str], str]


@cache
def checks(country: str) -> tuple[Check, ...]:
    """Return the checks for the country's kinds, in order. A check returns the number in its
    compact form or raises stdnum's ValidationError."""
    return tuple(_load_check(kind) for kind in KINDS[country])


def _load_check(kind: str) -> Check:
    if kind.startswith("="):
        pattern = re.compile(kind[1:], re.ASCII if r"\W" not in kind else 0)
        return lambda number: _match(pattern, number)
    if kind.startswith("own."):
        return _OWN_CHECKS[kind.removeprefix("own.")]
    check: Check = import_module(f"stdnum.{kind}").validate
    return check


def _match(pattern: re.Pattern[str], number: str) -> str:
    if not pattern.fullmatch(number):
        raise InvalidFormat()
    return number


def kz_bin(number: str) -> str:
    """Check the BIN of a business or the IIN of a person in Kazakhstan: 12 digits, the last of them
    a check digit.

    By Government Decree 853 of 22 May 2007 (IIN) and the rules for forming BINs: year and month
    come first; then the day and a digit for century and sex (IIN), or the type of business 4 to 6
    (BIN). Raises stdnum's InvalidLength, InvalidFormat or InvalidChecksum.
    """
    if not re.fullmatch("[0-9]{12}", number):
        raise InvalidLength()
    is_person = number[4] in "0123"
    has_month = 1 <= int(number[2:4]) <= 12
    has_day = 1 <= int(number[4:6]) <= 31 and number[6] in "0123456"
    if not has_month or not (has_day if is_person else number[4] in "456"):
        raise InvalidFormat()
    digits = [int(digit) for digit in number]
    for weights in (range(1, 12), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)):
        check_digit = sum(w * digit for w, digit in zip(weights, digits, strict=False)) % 11
        if check_digit < 10:
            break
    if check_digit != digits[11]:
        raise InvalidChecksum()
    return number


def _de_business(number: str) -> str:
    """Check a Wirtschafts-Identifikationsnummer: a VAT number and five digits for the branch."""
    if not re.fullmatch("DE[0-9]{14}", number):
        raise InvalidLength()
    de_vat.validate(number[:11])
    return number


def _hu_domestic(number: str) -> str:
    """Check an adószám: the eight digits of the VAT number, then the VAT and county codes."""
    if not re.fullmatch("[0-9]{11}", number):
        raise InvalidLength()
    hu_anum.validate(number[:8])
    return number


def _lt_company(number: str) -> str:
    """Check a juridinio asmens kodas: nine digits, with the VAT number's check digit rule."""
    if not re.fullmatch("[0-9]{9}", number):
        raise InvalidLength()
    if lt_pvm.calc_check_digit(number[:-1]) != number[-1]:
        raise InvalidChecksum()
    return number


_OWN_CHECKS: dict[str, Check] = {
    "kz_bin": kz_bin,
    "de_business": _de_business,
    "hu_domestic": _hu_domestic,
    "lt_company": _lt_company,
}
