// The looks of the development inbox, and the few lines that renew its list.

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f5f3ee; --paper: #fff; --ink: #22252b; --soft: #6a6f78; --line: #e2ded5; --brand: #a3431f; --hover: #faf8f3;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #17191d; --paper: #1f2227; --ink: #e6e4df; --soft: #989ea8; --line: #33373e; --brand: #f0946c; --hover: #262a30; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--brand); }
em { color: var(--soft); }
code, pre { font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
.top { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem 1rem; padding: .9rem max(1rem, calc(50vw - 34rem)); background: var(--paper); border-bottom: 1px solid var(--line); }
.top p { margin: 0; color: var(--soft); font-size: .85rem; }
.brand { color: var(--ink); font-size: 1.1rem; font-weight: 700; text-decoration: none; }
.brand span { color: var(--brand); font-weight: 500; }
main { max-width: 68rem; margin: 0 auto; padding: 1rem; }
.count { margin: 0 0 .6rem; color: var(--soft); font-size: .85rem; }
.list { margin: 0; padding: 0; list-style: none; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.list li + li { border-top: 1px solid var(--line); }
.row { display: grid; grid-template: 'from subject when' auto 'to subject size' auto / 17rem 1fr auto; gap: 0 1.2rem; align-items: center; padding: .6rem 1rem; color: inherit; text-decoration: none; }
.row:hover { background: var(--hover); }
.row:focus-visible { outline: 2px solid var(--brand); outline-offset: -2px; }
.row > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.from { grid-area: from; font-weight: 600; }
.to { grid-area: to; color: var(--soft); font-size: .85rem; }
.subject { grid-area: subject; }
.when { grid-area: when; text-align: right; font-variant-numeric: tabular-nums; }
.size { grid-area: size; text-align: right; color: var(--soft); font-size: .85rem; }
.empty { padding: 18vh 1rem; text-align: center; color: var(--soft); }
.empty h1 { margin: 0; color: var(--ink); font-size: 1.3rem; }
.back { font-size: .9rem; text-decoration: none; }
.back::before { content: '\\2190\\00a0'; }
.letter h1 { margin: .6rem 0 .8rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0 0 1rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.attachments { margin: 0 0 1rem; }
.attachments h2 { margin: 0 0 .4rem; color: var(--soft); font-size: 1rem; font-weight: 400; }
.attachments ul { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0; padding: 0; list-style: none; }
.attachments li { max-width: 100%; padding: .35rem .7rem; overflow-wrap: anywhere; background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
.attachments span { color: var(--soft); font-size: .85rem; }
.tabs { display: flex; flex-wrap: wrap; gap: .2rem; border-bottom: 1px solid var(--line); }
.tabs > * { padding: .45rem .8rem; color: inherit; text-decoration: none; border-bottom: 2px solid transparent; margin-bottom: -1px; }
.tabs [aria-current] { color: var(--brand); border-color: var(--brand); font-weight: 600; }
.tabs .source { margin-left: auto; color: var(--brand); }
.none { color: var(--soft); opacity: .7; }
article { margin-top: 1rem; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; overflow: auto; }
article.html { background: #fff; }
article > p { padding: 1rem; margin: 0; }
iframe { display: block; width: 100%; height: 65vh; border: 0; color-scheme: light; background: #fff; }
pre { margin: 0; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.text { font-size: 14px; }
.headers { width: 100%; border-collapse: collapse; }
.headers th, .headers td { padding: .35rem 1rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
.headers th { color: var(--soft); font-weight: 500; white-space: nowrap; }
.headers td { overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
@media (max-width: 44rem) {
  .row { grid-template: 'from when' auto 'subject subject' auto 'to size' auto / 1fr auto; }
  .letter h1 { font-size: 1.2rem; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: .4rem; }
  .headers, .headers tbody, .headers tr, .headers th, .headers td { display: block; border: 0; padding: 0; }
  .headers tr { padding: .4rem 1rem; border-bottom: 1px solid var(--line); }
}
`;

/** Asks every two seconds while somebody looks, and touches the page only when something has changed. */
export const SCRIPT = `
let shown = document.querySelector('main').innerHTML;
const renew = async () => {
  if (document.hidden) return;
  const response = await fetch('/');
  const next = new DOMParser().parseFromString(await response.text(), 'text/html');
  const main = next.querySelector('main').innerHTML;
  if (main === shown) return;
  shown = main;
  document.querySelector('main').replaceWith(document.adoptNode(next.querySelector('main')));
  document.title = next.title;
};
setInterval(() => void renew().catch(() => { document.title = 'Inbox (stopped)'; }), 2000);
`;
