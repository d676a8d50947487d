// Copy buttons, menus, dialogs, forms: what makes the pages handier. None of it is needed to use them.
'use strict';
(() => {
  const root = document.documentElement;
  const speaker = document.getElementById('announce');
  const up = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);
  root.classList.add('js');

  // Says a text to a screen reader; shows it, too, where it stays until something works again.
  function say(text, shown = false) {
    if (!speaker || !text || (shown && speaker.textContent === text)) return;
    (document.querySelector('dialog:modal') || document.body).append(speaker);   // all else is inert then
    speaker.classList.toggle('visually-hidden', !shown);
    speaker.textContent = '';
    setTimeout(() => { speaker.textContent = text; }, 50);   // the same text is read again
  }
  function hush() {
    if (!speaker || speaker.classList.contains('visually-hidden')) return;
    speaker.classList.add('visually-hidden');
    speaker.textContent = '';
  }
  const text = (name) => (speaker ? speaker.dataset[name] : '');

  // Copy: the clipboard belongs to secure pages only, so there is the old way as well.
  async function copy(button) {
    if (window.isSecureContext && navigator.clipboard) return navigator.clipboard.writeText(button.dataset.copy);
    const area = document.createElement('textarea');
    area.className = 'visually-hidden';
    area.value = button.dataset.copy;
    button.after(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    button.focus();
    if (!copied) throw new Error('not copied');
  }
  function tick(button) {
    const use = button.querySelector('use[href$="#copy"]');
    if (!use) return;
    const before = use.getAttribute('href');
    use.setAttribute('href', before.replace('#copy', '#check'));
    setTimeout(() => use.setAttribute('href', before), 2000);
  }

  // Dialogs: the link's page is the way without a script.
  function open(event, opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (elsewhere || !dialog || !dialog.showModal) return;
    event.preventDefault();
    const menu = opener.closest('details.menu');
    if (menu) shut(menu);   // the focus comes back to what is still to be seen
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
    if (!up(event, 'a[aria-disabled="true"], button[aria-disabled="true"]')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  document.addEventListener('click', (event) => {
    const [copier, opener, closer] = ['[data-copy]', '[data-dialog]', '[data-close]'].map((its) => up(event, its));
    if (copier) copy(copier).then(() => { tick(copier); say(text('copied')); copier.dispatchEvent(new Event('copied')); }, () => say(text('notCopied'), true));
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
    hush();
    const menu = up(event, 'details.menu[open]') || document.querySelector('details.menu[open]');
    if (!menu) return;
    event.preventDefault();
    shut(menu);
  });

  // Forms: once is enough. aria-disabled keeps the focus and the pressed button's name and value.
  const free = (buttons) => buttons.forEach((button) => {
    button.removeAttribute('aria-disabled');
    delete button.dataset.busy;
  });
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (event.defaultPrevented || (form.getAttribute('method') || '').toLowerCase() !== 'post') return;
    const buttons = Array.from(form.elements).filter((it) => it.type === 'submit' && !it.hasAttribute('aria-disabled'));
    buttons.forEach((button) => { button.setAttribute('aria-disabled', 'true'); button.dataset.busy = ''; });
    setTimeout(() => free(buttons), 10000);   // the answer may never come
  });
  window.addEventListener('pageshow', () => free(Array.from(document.querySelectorAll('[data-busy]'))));

  // Waiting times run down; the server says when they are over.
  setInterval(() => {
    for (const it of document.querySelectorAll('[data-seconds]')) {
      it.dataset.end ||= Date.now() + it.dataset.seconds * 1000;
      const left = Math.max(0, Math.ceil((it.dataset.end - Date.now()) / 1000));
      it.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    }
  }, 1000);

  // htmx: the focus stays where it was, errors are told.
  let focused = '';
  document.addEventListener('htmx:beforeSwap', () => { focused = document.activeElement?.id || ''; });
  document.addEventListener('htmx:afterSwap', (event) => {
    const lost = !document.activeElement || document.activeElement === document.body;
    if (lost && focused) document.getElementById(focused)?.focus({ preventScroll: true });
    const error = up(event, '.field') === event.target ? event.target.querySelector('.error') : null;
    hush();
    if (error) say(error.textContent.trim());
  });
  document.addEventListener('htmx:load', (event) => {
    const { announce } = event.detail.elt.dataset || {};
    if (announce) say(announce);
  });
  document.addEventListener('htmx:responseError', () => say(text('failed'), true));
  document.addEventListener('htmx:sendError', () => say(text('unreachable'), true));
})();
