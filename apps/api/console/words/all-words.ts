// All words of the console, and how a page says them.
import { ACCESS_WORDS } from './access-words';
import { COMMON_WORDS } from './common-words';
import { INCIDENT_WORDS } from './incident-words';
import { LIST_WORDS } from './list-words';
import { SESSION_WORDS } from './session-words';
import { FAILURE_WORDS } from './failure-words';
import { START_WORDS } from './start-words';
import { STATISTICS_WORDS } from './statistics-words';
import { TEMPLATES_WORDS } from './templates-words';
import { TRANSPORTS_WORDS } from './transports-words';
const ALL = {  };
import { TENANTS_WORDS } from './tenants-words';
import { TRANSPORTS_WORDS } from './transports-words';
import { createSay, type Language, type Values } from './words';

const ALL = {
  ...COMMON_WORDS,
const ALL = {  };
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
