// The pages of the development inbox as HTML; everything that came from a mail is escaped here.
import type { Letter, Summary } from './mailbox';

export const VIEWS = ['html', 'text', 'headers', 'raw'] as const;
export type View = (typeof VIEWS)[number];

const TITLES: Record<View, string> = { html: 'HTML', text: 'Text', headers: 'Headers', raw: 'Source' };
/** More of a source would only make the browser slow; the whole of it is a click away. */
const SHOWN_SOURCE = 200_000;

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);

const sizeText = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
};

const timeText = (iso: string): string => {
  const date = new Date(iso);
  const day = date.toDateString() === new Date().toDateString() ? '' : `${date.toLocaleDateString('en-CA')} `;
  return `<time datetime="${escaped(iso)}">${day}${date.toLocaleTimeString('en-GB')}</time>`;
};

const layout = (title: string, main: string, script = ''): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/inbox.css">
${script}
</head>
<body>
<header class="top"><a class="brand" href="/">Rohrpost <span>Inbox</span></a><p>Development only. Nothing leaves this machine.</p></header>
${main}
</body>
</html>
`;

const subjectText = (subject: string): string => (subject === '' ? '<em>(no subject)</em>' : escaped(subject));

const row = ({ id, from, to, subject, date, size }: Summary): string => `<li><a class="row" href="/messages/${id}">
<span class="from">${escaped(from) || '<em>(empty sender)</em>'}</span>
<span class="when">${timeText(date)}</span>
<span class="subject">${subjectText(subject)}</span>
<span class="to">to ${escaped(to.join(', '))}</span>
<span class="size">${sizeText(size)}</span>
</a></li>`;

const EMPTY = `<div class="empty"><h1>No mail yet</h1>
<p>What the demo tenant sends appears here by itself. <code>npm start</code> printed a command that sends one.</p></div>`;

const countText = (shown: number, received: number): string => {
  const mails = `${received} ${received === 1 ? 'mail' : 'mails'} since the start`;
  return shown < received ? `${mails}, the last ${shown} are kept` : mails;
};

/** The list, newest first; it renews itself. */
export const listPage = (mails: readonly Summary[], received: number): string => {
  const list = `<p class="count">${countText(mails.length, received)}</p><ul class="list">${mails.map(row).join('\n')}</ul>`;
  const title = received === 0 ? 'Inbox' : `Inbox (${received})`;
  return layout(title, `<main>${mails.length === 0 ? EMPTY : list}</main>`, '<script src="/inbox.js" defer></script>');
};

const facts = ({ from, to, envelope, date, size, messageId }: Letter): string => {
  // Addresses that only the envelope names were blind copies.
  const hidden = envelope.to.filter((address) => !to.some((shown) => shown.includes(address)));
  const lines: [string, string][] = [
    ['From', escaped(from)],
    ['To', escaped(to.join(', '))],
    ...(hidden.length === 0 ? [] : [['Also to', escaped(hidden.join(', '))] as [string, string]]),
    ['Arrived', `${timeText(date)}, ${sizeText(size)}`],
    ['Message-ID', `<code>${escaped(messageId)}</code>`],
  ];
  return `<dl class="facts">${lines.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('')}</dl>`;
};

const tabs = ({ id, html, text }: Letter, view: View): string => {
  const missing = { html: html === '', text: text === '', headers: false, raw: false };
  const tab = (name: View): string => {
    if (missing[name] && name !== view) return `<span class="none">${TITLES[name]}</span>`;
    return `<a href="?view=${name}"${name === view ? ' aria-current="page"' : ''}>${TITLES[name]}</a>`;
  };
  return `<nav class="tabs">${VIEWS.map(tab).join('')}<a class="source" href="/messages/${id}/raw">Whole source</a></nav>`;
};

const headerTable = ({ headers }: Letter): string =>
  `<table class="headers">${headers
    .map(({ name, value }) => `<tr><th scope="row">${escaped(name)}</th><td>${escaped(value)}</td></tr>`)
    .join('')}</table>`;

const source = (raw: Buffer): string => {
  const cut = raw.length > SHOWN_SOURCE ? `\n... ${sizeText(raw.length - SHOWN_SOURCE)} more: see Whole source` : '';
  return `<pre>${escaped(raw.toString('utf8', 0, SHOWN_SOURCE))}${cut}</pre>`;
};

const body = (letter: Letter, raw: Buffer, view: View): string => {
  if (view === 'headers') return headerTable(letter);
  if (view === 'raw') return source(raw);
  if (view === 'text')
    return letter.text === ''
      ? '<p class="none">This mail has no text.</p>'
      : `<pre class="text">${escaped(letter.text)}</pre>`;
  const sandbox = 'sandbox="allow-popups allow-popups-to-escape-sandbox"';
  return `<iframe title="The mail as HTML" ${sandbox} referrerpolicy="no-referrer" src="/messages/${letter.id}/html"></iframe>`;
};

const attachmentList = ({ id, attachments }: Letter): string => {
  if (attachments.length === 0) return '';
  const item = ({ filename, contentType, size }: Letter['attachments'][number], index: number): string =>
    `<li><a href="/messages/${id}/attachments/${index}" download>${escaped(filename)}</a> <span>${escaped(contentType)}, ${sizeText(size)}</span></li>`;
  return `<section class="attachments"><h2>Attachments</h2><ul>${attachments.map(item).join('')}</ul></section>`;
};

/** One mail in one of its views. */
export const letterPage = (letter: Letter, raw: Buffer = Buffer.alloc(0), view: View): string =>
  layout(
    letter.subject || '(no subject)',
    `<main class="letter"><a class="back" href="/">All mail</a><h1>${subjectText(letter.subject)}</h1>
${facts(letter)}${attachmentList(letter)}${tabs(letter, view)}<article class="${view}">${body(letter, raw, view)}</article></main>`,
  );

/** For an address that shows nothing (any more). */
export const missingPage = (): string =>
  layout(
    'Not found',
    '<main><div class="empty"><h1>Not here</h1><p>Only the last 500 mails are kept. <a href="/">All mail</a></p></div></main>',
  );
