// What makes the console quicker; without it every page works, too.
'use strict';

/** The reader's time zone, for the next page. */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`rohrpost_zone=${encodeURIComponent(zone)}`)) {
  document.cookie = `rohrpost_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=strict`;
}

const isTyping = (target) =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === '/') {
    event.preventDefault();
    document.getElementById('q')?.focus();
  } else if (event.key === '?') document.getElementById('keys')?.showModal();
});

const reveal = (root) => {
  for (const button of root.querySelectorAll('[data-copy][hidden], [data-check-all][hidden]')) button.hidden = false;
};
reveal(document);
document.addEventListener('htmx:after:swap', () => reveal(document));

document.addEventListener('click', async (event) => {
  const button = event.target instanceof Element ? event.target.closest('[data-copy]') : null;
  if (button === null) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const text = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => (button.textContent = text), 1500);
});

/** All boxes of a form at once. */
document.addEventListener('change', (event) => {
  const all = event.target;
  if (!(all instanceof HTMLInputElement) || all.dataset.checkAll === undefined) return;
  for (const box of all.form.querySelectorAll(`input[name="${all.dataset.checkAll}"]`)) box.checked = all.checked;
});

/** A menu closes when something else is meant. */
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

/** On a narrow screen the rooms stand in a row that is longer than it. */
document.querySelector('.rooms [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

/** Tells the live parts of the page that something has happened: at most once a second, and only while somebody looks. */
const LEAST_MS = 1000;
let toldAt = 0;
let waiting = false;
const isBusy = () => document.querySelector('.live input:checked, .live details[open], .live :focus') !== null;
const tell = () => {
  if (waiting || document.hidden) return;
  waiting = true;
  setTimeout(
    () => {
      waiting = false;
      if (document.hidden) return;
      toldAt = Date.now();
      // What is looked at stays; it is asked again in a while.
      if (isBusy()) return tell();
      document.body.dispatchEvent(new CustomEvent('rohrpost:live'));
    },
    Math.max(0, toldAt + LEAST_MS - Date.now()),
  );
};
/** A hidden page listens to nothing: browsers open few connections to one host, and its other pages need them. */
let events;
const listen = () => {
  events?.close();
  if (document.hidden || document.querySelector('.live') === null) return;
  events = new EventSource('/console/events');
  events.addEventListener('message', tell);
};
/** A part may say after how many ms it has newer numbers, whether anything happens or not. */
let again;
const askAgain = () => {
  clearTimeout(again);
  const part = document.querySelector('.live [data-again]');
  if (part !== null) again = setTimeout(tell, Number(part.dataset.again));
};
listen();
askAgain();
document.addEventListener('htmx:after:swap', askAgain);
document.addEventListener('visibilitychange', listen);
addEventListener('pagehide', () => events?.close());
addEventListener('pageshow', (event) => event.persisted && listen());

/** What takes a while says so. */
document.addEventListener('submit', ({ submitter }) => {
  if (submitter?.dataset.busy === undefined) return;
  // After the form was read: a button that is off would not be sent.
  setTimeout(() => {
    submitter.textContent = submitter.dataset.busy;
    submitter.disabled = true;
  });
});

/**
 * The preview of an editor, a moment after something was typed. Each has a frame of its own: the back button leads away from
 * the page, not through all of them; the one before stays until the next is there.
 */
const previewButton = document.querySelector('[data-preview]');
let previews = 0;
const showPreview = () => {
  const old = document.querySelector('iframe.mail');
  const next = old.cloneNode();
  next.removeAttribute('src');
  // A name of its own: a frame keeps the one that it began with.
  next.name = `preview-${++previews}`;
  previewButton.formTarget = next.name;
  old.after(next);
  next.classList.add('coming');
  previewButton.form.requestSubmit(previewButton);
  next.addEventListener('load', () => {
    for (const frame of document.querySelectorAll('iframe.mail')) if (frame !== next) frame.remove();
    next.classList.remove('coming');
  });
};
if (previewButton !== null) {
  let timer;
  previewButton.form.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(showPreview, 500);
  });
}

/** What is typed for oneself is there again after saving. */
for (const field of document.querySelectorAll('[data-keep]')) {
  const name = `${location.pathname} ${field.name}`;
  const kept = sessionStorage.getItem(name);
  if (kept !== null && kept !== field.value) {
    field.value = kept;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
  field.addEventListener('input', () => sessionStorage.setItem(name, field.value));
}
