// All words of the console, and how a page says them.
import { ACCESS_WORDS } from './access-words';
import { COMMON_WORDS } from './common-words';
import { SESSION_WORDS } from './session-words';
import { FAILURE_WORDS } from './failure-words';
import { TRANSPORTS_WORDS } from './transports-words';
import { TEMPLATES_WORDS } from './templates-words';
import { TENANTS_WORDS } from './tenants-words';
import { createSay, type Language, type Values } from './words';

const ALL = {
  ...COMMON_WORDS,
  ...ACCESS_WORDS,
  ...SESSION_WORDS,
  ...TENANTS_WORDS,
  ...TRANSPORTS_WORDS,
  ...FAILURE_WORDS,
  ...TEMPLATES_WORDS,
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
