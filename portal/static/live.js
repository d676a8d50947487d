// What htmx changes in a page: the focus stays, the address is true, news is said, errors are told, slowness shows.
'use strict';
{
  const { hush, isElsewhere, say, text, up } = page;
  const asksByItself = (event) => 'poll' in (event.detail.elt?.dataset || {});

  // htmx would take a link with Ctrl, too.
  document.addEventListener('click', (event) => { if (isElsewhere(event) && up(event, 'a[hx-get]')) event.stopPropagation(); }, true);

  let asksAfter = 0;   // polls wait for the end of a Retry-After
  document.addEventListener('htmx:beforeRequest', (event) => {
    if (asksByItself(event)) (document.hidden || Date.now() < asksAfter) && event.preventDefault();
    else event.detail.target.setAttribute('aria-busy', 'true');
  });
  document.addEventListener('htmx:afterRequest', ({ detail: { target } }) => target.removeAttribute('aria-busy'));

  // A form is sent without what is empty: the address says what is asked for, and no more.
  document.addEventListener('htmx:configRequest', ({ detail: { verb, formData } }) => {
    if (verb === 'get') for (const [name, value] of [...formData]) if (value === '') formData.delete(name);
  });

  // Going back loads the page anew, as it was left; htmx would forget how. A search shows what the address says.
  document.addEventListener('htmx:beforeHistoryUpdate', () => {
    history.replaceState({ htmx: true, left: [document.activeElement.id, window.scrollY] }, '');
  });
  window.addEventListener('popstate', (event) => {
    if (!event.state?.htmx) return;
    event.stopImmediatePropagation();
    location.reload();
  });
  if (history.state?.left) {
    const [focused, top] = history.state.left;
    history.scrollRestoration = 'manual';
    document.getElementById(focused)?.focus({ preventScroll: true });
    window.scrollTo(0, top);
    history.replaceState({ htmx: true }, '');
    window.addEventListener('pageshow', () => { history.scrollRestoration = 'auto'; });
  }
  document.addEventListener('htmx:pushedIntoHistory', () => {
    const asked = new URLSearchParams(location.search);
    for (const field of document.querySelectorAll('form[role="search"] :is([type="search"], select)')) {
      field.value = asked.get(field.name) ?? '';
    }
  });

  // htmx finds the focus again by its ID; where that is gone, what came is closest.
  let hadFocus = false;
  document.addEventListener('htmx:beforeSwap', ({ detail }) => {
    hadFocus = document.activeElement !== document.body;
    if (!/^\s*<!doctype/i.test(detail.serverResponse)) return;   // a whole page stands in no place of another
    detail.shouldSwap = false;
    say(text('failed'), true);
  });
  document.addEventListener('htmx:afterSwap', (event) => {
    if (hadFocus && document.activeElement === document.body) {
      document.getElementById(event.detail.target?.id)?.focus({ preventScroll: true });
    }
    if (!asksByItself(event)) hush();
  });
  document.addEventListener('htmx:load', ({ detail: { elt } }) => say(elt.dataset?.announce));

  // Status 503: the page stays as it is, and says why.
  document.addEventListener('htmx:responseError', (event) => {
    const { xhr } = event.detail;
    const isUnavailable = xhr.status === 503 && xhr.getResponseHeader('Content-Type')?.startsWith('text/plain');
    if (asksByItself(event)) asksAfter = Date.now() + 1000 * (xhr.getResponseHeader('Retry-After') || 0);
    else say(isUnavailable ? xhr.responseText : text('failed'), true);
  });
  document.addEventListener('htmx:sendError', (event) => { if (!asksByItself(event)) say(text('unreachable'), true); });
  document.addEventListener('signed-out', () => say(text('signedOut'), true));
}
