// All words of the console, and how a page says them.
import { ACCESS_WORDS } from './access-words';
import { COMMON_WORDS } from './common-words';
import { EMAIL_ACTION_WORDS } from './email-action-words';
import { EMAIL_WORDS } from './email-words';
import { FAILURE_WORDS } from './failure-words';
import { INCIDENT_WORDS } from './incident-words';
import { LIST_WORDS } from './list-words';
import { SESSION_WORDS } from './session-words';
import { START_WORDS } from './start-words';
import { STATISTICS_WORDS } from './statistics-words';
import { TEMPLATES_WORDS } from './templates-words';
import { TENANTS_WORDS } from './tenants-words';
import { TRANSPORTS_WORDS } from './transports-words';
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
  ...TEMPLATES_WORDS,
  ...TENANTS_WORDS,
  ...TRANSPORTS_WORDS,
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
