// How fast are templates in the sandbox, beside plain Eta in the same run? `npm run bench -- render`
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { Eta } from 'eta';
import type { RenderJob, Sources } from '../libs/render/thread/protocol';
import { createPool, type Pool } from '../libs/render/thread/pool';

const ROUNDS = 5;
/** ms of a round. */
const LENGTH = 1_500;

const HEADER = `<table class="header" role="presentation" width="100%">
  <tr>
    <td><img src="<%= it.shop.logo %>" alt="<%= it.shop.name %>" width="120"></td>
    <td align="right"><%= it.shop.name %><br><%= it.shop.street %><br><%= it.shop.city %></td>
  </tr>
</table>`;
const ROW = `<tr class="<%= it.odd ? 'odd' : 'even' %>">
  <td><%= it.item.sku %></td>
  <td><%= it.item.name %><% if (it.item.note) { %><br><small><%= it.item.note %></small><% } %></td>
  <td align="right"><%= it.item.count %></td>
  <td align="right"><%= (it.item.count * it.item.price).toFixed(2) %> <%= it.currency %></td>
</tr>`;
const LAYOUT = `<!DOCTYPE html>
<html lang="<%= it.language %>">
<head>
  <meta charset="utf-8">
  <title><%= it.title %></title>
  <style>
    body { font-family: sans-serif; }
    .odd { background: #eee; }
    .total { font-weight: bold; }
  </style>
</head>
<body>
<%~ include('header') %>
<%~ it.body %>
<hr>
<p>You get this email because you ordered at <%= it.shop.name %>.</p>
</body>
</html>`;
const INVOICE = `<% layout('frame') %>
<h1>Invoice <%= it.number %></h1>
<p>Dear <%= it.customer.name %>,</p>
<p>thank you for your order of <%= it.date %>. We have sent:</p>
<table class="items" width="100%">
  <tr><th>No.</th><th>Article</th><th>Count</th><th>Sum</th></tr>
<% it.items.forEach((item, index) => { %>
<%~ include('row', { item, odd: index % 2 === 1 }) %>
<% }) %>
  <tr class="total">
    <td colspan="3">Total</td>
    <td align="right"><%= it.items.reduce((sum, one) => sum + one.count * one.price, 0).toFixed(2) %> <%= it.currency %></td>
  </tr>
</table>
<% if (it.paid) { %>
<p>It is paid. Nothing is left to do.</p>
<% } else { %>
<p>Please pay until <%= it.due %>.</p>
<% } %>
<p>Kind regards,<br><%= it.shop.name %></p>`;

const DATA = {
  language: 'en',
  title: 'Your invoice',
  number: '2026-114',
  date: '3 May 2026',
  due: '2 June 2026',
  paid: false,
  currency: 'CHF',
  customer: { name: 'Ann & Bob <Miller>' },
  shop: { name: 'Corner "Shop"', logo: 'https://shop.example/logo.png', street: 'Main Street 1', city: '8000 Zürich' },
  items: Array.from({ length: 20 }, (_, n) => ({
    sku: `A-${n}`,
    name: `Article number ${n} & more`,
    count: (n % 4) + 1,
    price: 9.95 + n,
    ...(n % 5 === 0 && { note: 'while stocks last' }),
  })),
};
const JSON_DATA = JSON.stringify(DATA);

const HTML: Sources = { 'html:': INVOICE, 'html:frame': LAYOUT, 'html:header': HEADER, 'html:row': ROW };
/** With a text part of its own; without one it is made from the html, which plain Eta does not do. */
const SOURCES: Sources = { ...HTML, 'text:': 'Invoice <%= it.number %>' };
const job = (key: string, sources: Sources = SOURCES): RenderJob => ({
  kind: 'render',
  key,
  sources,
  parts: 'text:' in sources ? ['html', 'text'] : ['html'],
  gone: [],
  data: JSON_DATA,
});

const plainEta = (): Eta => {
  const eta = new Eta({ autoFilter: true, autoTrim: false, filterFunction: String });
  // Without these two it looks for names in memory only.
  Object.assign(eta, { readFile: null, resolvePath: null });
  eta.loadTemplate('frame', LAYOUT);
  eta.loadTemplate('header', HEADER);
  eta.loadTemplate('row', ROW);
  eta.loadTemplate('invoice', INVOICE);
  return eta;
};

/** As a worker with many emails at once asks; plain Eta does one after the other all the same. */
const AT_ONCE = 4;

/** Renders a second. */
const rate = async (work: () => Promise<void> | void): Promise<number> => {
  const begun = performance.now();
  let count = 0;
  const goOn = async (): Promise<void> => {
    while (performance.now() - begun < LENGTH) {
      await work();
      count++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, goOn));
  return (count * 1_000) / (performance.now() - begun);
};

interface Row {
  what: string;
  rates: number[];
  target?: number;
}

const show = (rows: Row[]): void => {
  const number = (value: number): string => Math.round(value).toLocaleString('en');
  const baseline = median(rows[0]?.rates ?? []);
  const cells = [
    ['renders a second', 'median', 'lowest', 'highest', 'to plain Eta', 'target', ''],
    ...rows.map(({ what, rates, target }) => [
      what,
      number(median(rates)),
      number(Math.min(...rates)),
      number(Math.max(...rates)),
      `${(median(rates) / baseline).toFixed(2)} x`,
      target === undefined ? '' : `>= ${number(target)}`,
      target === undefined ? '' : median(rates) >= target ? 'met' : 'MISSED',
    ]),
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of cells)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
};

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const versionOf = (name: string): string => {
  const text = readFileSync(join(__dirname, '../node_modules', name, 'package.json'), 'utf8');
  return `${name} ${(JSON.parse(text) as { version: string }).version}`;
};

const html = async (pool: Pool, key: string, sources?: Sources): Promise<string> => {
  const answer = await pool.run('bench', job(key, sources));
  if (answer.kind !== 'made') throw new Error(JSON.stringify(answer));
  return answer.made.html ?? '';
};

const main = async (): Promise<void> => {
  const pool = createPool({ threads: 1, trusted: false, now: Date.now });
  const trusted = createPool({ threads: 1, trusted: true, now: Date.now });
  const eta = plainEta();
  const expected = eta.render('invoice', DATA);
  if ((await html(pool, 'warm')) !== expected || (await html(trusted, 'warm')) !== expected)
    throw new Error('the sandbox renders something else than plain Eta');
  let unseen = 0;
  const neverSeen = (): Sources => ({ ...SOURCES, 'html:': `${INVOICE}<!-- ${unseen++} -->` });

  const rows: (Row & { work: () => Promise<void> | void })[] = [
    { what: 'plain Eta, compiled once', rates: [], work: () => void eta.render('invoice', DATA) },
    { what: 'plain Eta, compiled each time', rates: [], work: () => void plainEta().render('invoice', DATA) },
    { what: 'sandbox, one thread, warm', rates: [], target: 1_500, work: async () => void (await html(pool, 'warm')) },
    {
      what: 'sandbox, one thread, never seen before',
      rates: [],
      target: 300,
      work: async () => void (await html(pool, `unseen ${unseen}`, neverSeen())),
    },
    {
      what: 'sandbox, one thread, warm, text from html',
      rates: [],
      work: async () => void (await html(pool, 'no text', HTML)),
    },
    { what: 'trusted, one thread, warm', rates: [], work: async () => void (await html(trusted, 'warm')) },
  ];
  for (let round = 0; round < ROUNDS; round++) for (const row of rows) row.rates.push(await rate(row.work));

  const lines = Object.values(HTML).reduce((sum, source) => sum + source.split('\n').length, 0);
  console.log(`render: ${lines} lines in 4 templates, 20 items, ${expected.length} characters; ${ROUNDS} rounds`);
  console.log(`${cpus()[0]?.model} x ${availableParallelism()}, Node ${process.version}`);
  console.log(
    `${['eta', 'quickjs-emscripten-core', '@jitl/quickjs-wasmfile-release-sync'].map(versionOf).join(', ')}\n`,
  );
  show(rows);
  await Promise.all([pool.close(), trusted.close()]);
};

void main();
