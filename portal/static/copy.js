// Copy buttons.
'use strict';
{
  const { say, text, up } = page;

  // The clipboard belongs to secure pages only, so there is the old way as well.
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
  document.addEventListener('click', (event) => {
    const button = up(event, '[data-copy]');
    const done = () => { tick(button); say(text('copied')); button.dispatchEvent(new Event('copied')); };
    if (button) copy(button).then(done, () => say(text('notCopied'), true));
  });
}
