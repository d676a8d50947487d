// Forms: sent once, not left by mistake, and their errors lead to their fields.
'use strict';
{
  const { up } = page;

  // aria-disabled keeps the focus and the pressed button's name and value.
  document.addEventListener('click', (event) => {
    if (!up(event, 'a[aria-disabled="true"], button[aria-disabled="true"]')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  function free(form) {
    sent.delete(form);
    for (const button of form.querySelectorAll('[data-busy]')) {
      button.removeAttribute('aria-disabled');
      delete button.dataset.busy;
    }
  }
  function send(form) {
    sent.add(form);
    for (const button of form.elements) {
      if (button.type !== 'submit' || button.hasAttribute('aria-disabled')) continue;
      button.setAttribute('aria-disabled', 'true');
      button.dataset.busy = '';
    }
    setTimeout(() => free(form), 10000);   // the answer may never come
  }
  const posts = (form) => form.matches('form[method="post"]');
  const sent = new Set();
  document.addEventListener('submit', (event) => { if (!event.defaultPrevented && posts(event.target)) send(event.target); });
  document.addEventListener('htmx:beforeRequest', ({ detail: { elt } }) => { if (posts(elt)) send(elt); });
  document.addEventListener('htmx:afterRequest', ({ detail: { elt, xhr } }) => {
    if (posts(elt) && !xhr.getResponseHeader('HX-Redirect')) free(elt);
  });
  window.addEventListener('pageshow', () => sent.forEach(free));

  // Who is signed in is asked before a page takes along what they typed; a form that came back was typed before.
  const isSignedIn = document.querySelector('form[action$="/sign-out"]');
  const typed = (form) => JSON.stringify([...new FormData(form)]);
  const asLoaded = new Map();
  for (const form of isSignedIn ? document.querySelectorAll('main form[method="post"]:not(.post, [hx-post])') : []) {
    const isTypedAlready = form.querySelector('.notice-danger') || location.search.includes('kept=');
    asLoaded.set(form, isTypedAlready ? '' : typed(form));
  }
  let isFile = false;   // its link leaves no page
  document.addEventListener('click', (event) => { isFile = Boolean(up(event, '[data-file], [href^="mailto:"]')); }, true);
  window.addEventListener('beforeunload', (event) => {
    const isUnsaved = ([form, before]) => !sent.has(form) && typed(form) !== before;
    if (isFile) return;
    if ([...asLoaded].some(isUnsaved)) event.preventDefault();
    else document.body.setAttribute('aria-busy', 'true');
    setTimeout(() => document.body.removeAttribute('aria-busy'), 10000);
  });
  window.addEventListener('pageshow', () => document.body.removeAttribute('aria-busy'));

  // A field that was checked comes back in its stored form, but not over what is being typed, or has been since.
  let asked = new FormData();
  let left = '';
  document.addEventListener('change', ({ target }) => { left = target.id; });
  document.addEventListener('htmx:beforeRequest', ({ detail: { elt } }) => { asked = new FormData(elt.closest('form') || undefined); });
  document.addEventListener('htmx:oobBeforeSwap', ({ detail }) => {
    const control = detail.target.matches('.field') && detail.target.querySelector('input');
    if (!control) return;
    const isInUse = control === document.activeElement && control.value !== '';
    if (isInUse || control.value !== asked.get(control.name)) detail.shouldSwap = false;
  });
  document.addEventListener('htmx:load', ({ detail: { elt } }) => {
    if (elt.id === `${left}-field`) page.say(elt.querySelector('.error, .warning')?.textContent.trim());
  });

  document.addEventListener('click', (event) => {
    const field = document.getElementById(up(event, '.notice-danger a[href^="#"]')?.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    for (let around = field; around; around = around.parentElement) if (around.tagName === 'DETAILS') around.open = true;
    field.focus();
  });
}
