// All words of the console, and how a page says them.
import { COMMON_WORDS } from './common-words';
import { EMAIL_ACTION_WORDS } from './email-action-words';
import { EMAIL_FORM_WORDS } from './email-form-words';
import { EMAIL_WORDS } from './email-words';
import { SESSION_WORDS } from './session-words';
import { createSay, type Language, type Values } from './words';

const ALL = { ...COMMON_WORDS, ...SESSION_WORDS, ...EMAIL_WORDS, ...EMAIL_ACTION_WORDS, ...EMAIL_FORM_WORDS };
export type WordKey = keyof typeof ALL;

const say = createSay<WordKey>(ALL);

/** Says a sentence in the reader's language. */
export type Say = (key: WordKey, values?: Values) => string;
export const sayIn =
  (language: Language): Say =>
  (key, values) =>
    say(language, key, values);

export const isWordKey = (text: string): text is WordKey => Object.hasOwn(ALL, text);
