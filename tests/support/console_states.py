"""The states of the console's pages, and of a partnership that ends."""

from __future__ import annotations

from portal.demo.people import CARL, INGRID, OLGA
from tests.support.claim_states import NINA
from tests.support.page_paths import (
    choose_cloud,
    click,
    open_dialog,
    open_menu,
    send,
    send_invalid,
    submit,
)
from tests.support.page_states import state

LINK = click(".tile a[data-dialog]", "#dialog .picker input"), choose_cloud


CONSOLE = [
    state("console-partner", "console.home", OLGA, "/console"),
    state("console-no-match", "console.home", OLGA, "/console?q=nothing-like-it"),
    state("console-customer", "console.home", NINA, "/console"),
    state("console-invited", "console.home", CARL, "/console"),
    state("console-empty", "console.home", INGRID, "/console"),
    state("console-create-cloud", "clouds.create", NINA, "/console/clouds/create"),
    state("cloud", "clouds.show", NINA, "{cloud}"),
    state("cloud-rename", "clouds.rename", NINA, "{cloud}/rename"),
    state("cloud-close", "clouds.close", NINA, "{cloud}/close"),
    state("cloud-close-wrong", "clouds.close", NINA, "{cloud}/close", send_invalid(name="x")),
    state("folder-rename", "clouds.rename_folder", NINA, "{folder}"),
    state("access", "access.index", NINA, "{cloud}/access"),
    state("access-partner", "access.index", OLGA, "{cloud}/access"),
    state("access-add", "access.add", NINA, "{cloud}/access/add"),
    state("access-change", "access.change", NINA, "{holder}/change"),
    state("access-revoke", "access.revoke", NINA, "{holder}/revoke"),
    state("access-revoke-partner", "access.revoke_partner", NINA, "{revoke_partner}"),
    state("access-explain", "access.explain", NINA, f"{{cloud}}/access/explain?email={OLGA}"),
    state("billing", "billing.index", CARL, "/console/billing"),
    state("billing-partner", "billing.index", OLGA, "/console/billing"),
    state("account-trial", "billing.show", CARL, "{account}"),
    state("account-partner", "billing.show", OLGA, "{account}"),
    state("account-subaccount", "billing.show", NINA, "{subaccount}"),
    state("switch-to-paid", "billing.switch_to_paid", CARL, "{account}/switch-to-paid"),
    state("invitation", "invites.show", CARL, "{invitation}"),
    state("invitation-confirmed", "invites.show", NINA, "/invite/accept/{confirmed}"),
    state("invitation-none", "invites.show", NINA, "/invite/accept/none", status=404),
    state("invitation-own-customers", "invites.show", OLGA, "{invited}", status=403),
    state("console-confirmed", "console.home", CARL, "{invitation}", submit(".flashes")),
    state("link-page", "linking.link", CARL, "{subaccount}/link", choose_cloud),
    state("link-nothing", "linking.link", NINA, "{subaccount}/link"),
    state("link-reasons", "linking.link", OLGA, "{customers_account}/link"),
    state("link-dialog", "console.home", CARL, "/console", open_menu(".tile"), *LINK),
    state("cloud-accesses", "clouds.show", NINA, "{shop}"),
    state("access-carried-out", "access.index", NINA, "{shop}/access"),
    state("access-last-role", "access.index", OLGA, "{customers_cloud}/access"),
    state("accesses-get", "accesses.get", NINA, "{shop}/accesses/get"),
    state("accesses-withdraw", "accesses.withdraw", NINA, "{access_used}/withdraw"),
    state("accesses-show", "accesses.show", NINA, "{access_ready}/show"),
    state(
        "accesses-secret",
        "accesses.show",
        NINA,
        "{access_ready}/show",
        send(".secret"),
    ),
    state("cloud-creating", "clouds.show", NINA, "{shop_creating}"),
    state("cloud-failed", "clouds.show", NINA, "{shop_failed}"),
    state("cloud-resuming", "clouds.show", NINA, "{shop_resuming}"),
    state("cloud-closing", "clouds.show", NINA, "{shop_closing}"),
    state("cloud-menu", "clouds.show", NINA, "{shop_ready}", open_menu(".page-head")),
    state("cloud-explain", "access.explain", NINA, f"{{shop}}/access/explain?email={NINA}"),
    state("cloud-revoke", "access.revoke", NINA, "{holder}/revoke"),
    state("cloud-revoke-stop", "access.revoke", NINA, "{own_role}"),
    state("cloud-lost-lxd", "access.index", NINA, "{shop_lxd}/access"),
]

GIVE_NOTICE = "{active}/give-notice"
ENDING = [
    state("ending-give", "customers.give_notice", OLGA, GIVE_NOTICE),
    state(
        "ending-give-short", "customers.give_notice", OLGA, GIVE_NOTICE, send_invalid(ends_on="")
    ),
    state("ending-give-dialog", "customers.show", OLGA, "{active}", open_dialog("give-notice")),
    state("ending-customer", "customers.show", OLGA, GIVE_NOTICE, submit()),
    state("ending-clouds", "customers.clouds", OLGA, "{active}/clouds"),
    state("ending-history", "customers.history", OLGA, "{active}/history"),
    state("ending-list", "customers.index", OLGA, "{partner}/customers?status=Active"),
    state("ending-home", "console.home", NINA, "/console"),
    state("ending-billing", "billing.index", NINA, "/console/billing"),
    state("ending-account", "billing.show", NINA, "{subaccount}"),
    state("ending-cloud", "clouds.show", NINA, "{cloud}"),
    state("ending-explain", "access.explain", NINA, f"{{cloud}}/access/explain?email={OLGA}"),
    state("ending-link", "linking.link", NINA, "{subaccount}/link"),
    state("ending-invitation", "invites.show", NINA, "/invite/accept/{confirmed}"),
    state("ending-notices", "notifications.index", NINA, "/notices"),
    state("ending-withdraw", "customers.withdraw_notice", OLGA, "{active}/withdraw-notice"),
]
