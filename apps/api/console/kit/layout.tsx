// The frame of every page: head, navigation, search, what was just done, and the content.
import type { Child } from 'hono/jsx';
import type { Identity } from '../../../../libs/mail/settings/api-key';
import type { Say, WordKey } from '../words/all-words';
import type { Language } from '../words/words';
import { assetPath } from '../page/assets';

interface DocumentProps {
  title: string;
  language: Language;
  children: Child;
  /** Where the page leads by itself, at once. */
  onward?: string;
}

/** A whole HTML document. */
export const documentOf = async ({ title, language, children, onward }: DocumentProps): Promise<string> => {
  const html = (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        {onward !== undefined && <meta http-equiv="refresh" content={`0;url=${onward}`} />}
        <meta name="color-scheme" content="light dark" />
        <meta
          name="htmx-config"
          content='{"allowEval":false,"includeIndicatorCSS":false,"includeIndicatorStyles":false}'
        />
        <title>{title === 'Rohrpost' ? title : `${title} · Rohrpost`}</title>
        <link rel="icon" href={assetPath('icon.svg')} type="image/svg+xml" />
        <link rel="stylesheet" href={assetPath('console.css')} />
        <script src={assetPath('htmx.js')} defer />
        <script src={assetPath('console.js')} defer />
      </head>
      <body>{children}</body>
    </html>
  );
  // A component may have to ask before it can be shown.
  return `<!doctype html>${await (html as { toString(): string | Promise<string> }).toString()}`;
};

const ROOMS: readonly (readonly [path: string, words: WordKey])[] = [
  ['/', 'nav.start'],
  ['/incidents', 'nav.incidents'],
  ['/queues', 'nav.queues'],
  ['/search', 'nav.search'],
  ['/tenants', 'nav.tenants'],
  ['/keys', 'nav.keys'],
  ['/statistics', 'nav.statistics'],
  ['/audit', 'nav.audit'],
];

const isHere = (room: string, path: string): boolean => (room === '/' ? path === '/' : path.startsWith(room));

const nameOf = ({ id, name, role, tenant }: Identity): string =>
  `${name ?? (id === 'operator' ? 'operator' : `${role} ${id}`)}${tenant === undefined ? '' : ` · ${tenant}`}`;

interface FrameProps {
  title: string;
  say: Say;
  language: Language;
  identity: Identity;
  path: string;
  /** The path and query that changing the language comes back to. */
  url: string;
  search?: string | undefined;
  notice?: string | undefined;
  children: Child;
}

const Menu = ({ say, language, identity, url }: Pick<FrameProps, 'say' | 'language' | 'identity' | 'url'>) => (
  <details class="menu">
    <summary>{nameOf(identity)}</summary>
    <div class="menu-body">
      <form method="post" action="/console/language">
        <input type="hidden" name="language" value={language === 'en' ? 'de' : 'en'} />
        <input type="hidden" name="to" value={url} />
        <button type="submit" lang={language === 'en' ? 'de' : 'en'}>
          {say('me.language')}
        </button>
      </form>
      {identity.role !== 'reader' && (
        <a href="/board" rel="external">
          {say('nav.board')}
        </a>
      )}
      {identity.login !== undefined && identity.tenant !== undefined && <a href="/session/place">{say('me.place')}</a>}
      <form method="post" action="/session/end">
        <button type="submit">{say('me.signOut')}</button>
        <button type="submit" name="all" value="1">
          {say(identity.login === undefined ? 'me.endAll' : 'me.endMine')}
        </button>
      </form>
    </div>
  </details>
);

const KeysDialog = ({ say }: Pick<FrameProps, 'say'>) => (
  <dialog id="keys" aria-labelledby="keys-title">
    <h2 id="keys-title">{say('keys.title')}</h2>
    <dl class="pairs">
      <dt>
        <kbd>/</kbd>
      </dt>
      <dd>{say('keys.search')}</dd>
      <dt>
        <kbd>?</kbd>
      </dt>
      <dd>{say('keys.help')}</dd>
    </dl>
    <form method="dialog">
      <button type="submit">{say('keys.close')}</button>
    </form>
  </dialog>
);

/** A page of somebody who is signed in. */
export const frame = ({
  title,
  say,
  language,
  identity,
  path,
  url,
  search,
  notice,
  children,
}: FrameProps): Promise<string> =>
  documentOf({
    title,
    language,
    children: (
      <>
        <a class="skip" href="#main">
          {say('nav.skip')}
        </a>
        <header class="bar">
          <a class="brand" href="/">
            <span class="brand-mark" aria-hidden="true" />
            Rohrpost
          </a>
          <form role="search" action="/search" class="search">
            <label for="q" class="unseen">
              {say('search.label')}
            </label>
            <input
              id="q"
              name="q"
              type="search"
              value={search ?? ''}
              placeholder={say('search.hint')}
              maxlength={500}
            />
            <kbd aria-hidden="true">/</kbd>
          </form>
          <Menu say={say} language={language} identity={identity} url={url} />
        </header>
        <nav class="rooms" aria-label={say('nav.main')}>
          {ROOMS.map(([room, words]) => (
            <a href={room} {...(isHere(room, path) && { 'aria-current': 'page' })}>
              {say(words)}
            </a>
          ))}
        </nav>
        <main id="main" tabindex={-1}>
          {notice !== undefined && (
            <p class="notice" role="status">
              {notice}
            </p>
          )}
          {children}
        </main>
        <KeysDialog say={say} />
      </>
    ),
  });
