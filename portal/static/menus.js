// Menus by arrow keys, and what is chosen in one: the theme. Opening and closing needs no script.
'use strict';
document.addEventListener('keydown', (event) => {
  const menu = event.target.closest?.('details.menu');
  const steps = { ArrowDown: 1, ArrowUp: -1, Home: 0, End: 0 };
  if (!menu || !(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll('.menu-panel :is(a, button)')];
  const last = items.length - 1;
  const at = items.indexOf(event.target);
  const next = { Home: 0, End: last }[event.key] ?? (at < 0 && event.key === 'ArrowUp' ? last : at + steps[event.key]);
  items[(next + items.length) % items.length].focus();
});
document.addEventListener('theme', ({ target, detail: { value } }) => {
  const root = document.documentElement;
  for (const button of target.querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.value === value));
  if (value === 'system') delete root.dataset.bsTheme; else root.dataset.bsTheme = value;
  document.querySelector('meta[name="color-scheme"]').content = root.dataset.bsTheme ?? 'light dark';
});
