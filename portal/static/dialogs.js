// Menus and dialogs; a dialog's link leads to its page where there is no script.
'use strict';
{
  const { isElsewhere, up } = page;

  function open(event, opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (isElsewhere(event) || !dialog || !dialog.showModal) return;
    event.preventDefault();
    if (opener.hasAttribute('hx-get')) dialog.replaceChildren();   // htmx fetches what it shows
    if (!dialog.open) dialog.showModal();
  }
  function close(event, closer) {
    const dialog = closer.closest('dialog:modal');
    if (!dialog) return;
    event.preventDefault();
    dialog.close();
  }
  function shut(menu) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }

  document.addEventListener('click', (event) => {
    const [item, opener, closer] = ['details.menu a[hx-get]', '[data-dialog]', '[data-close]'].map((its) => up(event, its));
    if (item && !isElsewhere(event)) shut(item.closest('details'));   // the focus comes back to what is still to be seen
    if (opener) open(event, opener);
    if (closer) close(event, closer);
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener('focusout', (event) => {
    const menu = up(event, 'details.menu[open]');
    if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    const menu = up(event, 'details.menu[open]') || document.querySelector('details.menu[open]');
    if (!menu) return;
    event.preventDefault();
    shut(menu);
  });
}
