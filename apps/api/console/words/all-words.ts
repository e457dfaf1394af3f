// All words of the console, and how a page says them.
import { ACCESS_WORDS } from './pages/access-words';
import { COMMON_WORDS } from './common-words';
import { EMAIL_ACTION_WORDS } from './pages/email-action-words';
import { EMAIL_WORDS } from './pages/email-words';
import { FAILURE_WORDS } from './pages/failure-words';
import { INCIDENT_WORDS } from './pages/incident-words';
import { LIST_WORDS } from './pages/list-words';
import { SESSION_WORDS } from './pages/session-words';
import { START_WORDS } from './pages/start-words';
import { STATISTICS_WORDS } from './pages/statistics-words';
import { SUPPRESSIONS_WORDS } from './pages/suppressions-words';
import { TEMPLATES_WORDS } from './pages/templates-words';
import { TENANTS_WORDS } from './pages/tenants-words';
import { TRANSPORTS_WORDS } from './pages/transports-words';
import { WEBHOOKS_WORDS } from './pages/webhooks-words';
import { createSay, type Language, type Values } from './words';

const ALL = {
  ...ACCESS_WORDS,
  ...COMMON_WORDS,
  ...EMAIL_ACTION_WORDS,
  ...EMAIL_WORDS,
  ...FAILURE_WORDS,
  ...INCIDENT_WORDS,
  ...LIST_WORDS,
  ...SESSION_WORDS,
  ...START_WORDS,
  ...STATISTICS_WORDS,
  ...SUPPRESSIONS_WORDS,
  ...TEMPLATES_WORDS,
  ...TENANTS_WORDS,
  ...TRANSPORTS_WORDS,
  ...WEBHOOKS_WORDS,
};
export type WordKey = keyof typeof ALL;

const say = createSay<WordKey>(ALL);

/** Says a sentence in the reader's language. */
export type Say = (key: WordKey, values?: Values) => string;
export const sayIn =
  (language: Language): Say =>
  (key, values) =>
    say(language, key, values);

export const isWordKey = (text: string): text is WordKey => Object.hasOwn(ALL, text);
