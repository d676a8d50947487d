// What the other scripts share: finding what an event is about, and saying things. No page needs a script.
'use strict';
const page = (() => {
  const speaker = document.getElementById('announce');
  document.documentElement.classList.add('js');

  const up = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);
  const isElsewhere = (event) => event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;   // a tab of its own
  const text = (name) => (speaker ? speaker.dataset[name] : '');

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
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hush(); });

  // Waiting times run down; the server says when they are over.
  setInterval(() => {
    for (const it of document.querySelectorAll('[data-seconds]')) {
      it.dataset.end ||= Date.now() + it.dataset.seconds * 1000;
      const left = Math.max(0, Math.ceil((it.dataset.end - Date.now()) / 1000));
      it.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    }
  }, 1000);
  return { hush, isElsewhere, say, text, up };
})();
