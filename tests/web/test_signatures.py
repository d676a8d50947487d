"""Signatures: cookies, form tokens and links in mails are signed by an approved hash function."""

from __future__ import annotations

from collections.abc import Callable

from itsdangerous.encoding import base64_decode

from portal import tokens
from tests.support.answers import csrf_token
from tests.support.browser import Browser

SHA_256_BYTES = 32


def test_cookies_form_tokens_and_links_are_signed_with_hmac_sha_256(
    browser: Callable[..., Browser],
) -> None:
    client = browser()
    form_token = csrf_token(client)
    cookie = client.get_cookie("portal")
    assert cookie is not None
    link = tokens.sign("verification", "somebody", epoch="")
    for signed in (cookie.value, form_token, link):
        assert len(base64_decode(signed.rpartition(".")[2])) == SHA_256_BYTES
    assert tokens.read("verification", link, epoch="") == "somebody"
    assert client.post("/preferences/theme", data={"csrf_token": form_token, "theme": "dark"})
    assert client.get_cookie("portal-theme"), "the token is accepted"
