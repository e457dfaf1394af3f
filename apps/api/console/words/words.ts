// Every sentence of the console in each of its languages, in ICU's message form.
import { IntlMessageFormat } from 'intl-messageformat';
import type { Sentence } from './pages/sentence';

export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

export type Values = Record<string, string | number>;

/** @returns what says a sentence in the language, with its values filled in */
export const createSay = <K extends string>(all: Readonly<Record<K, Sentence>>) => {
  const formats = new Map<string, IntlMessageFormat>();
  return (language: Language, key: K, values: Values = {}): string => {
    const id = `${language} ${key}`;
    let format = formats.get(id);
    if (format === undefined) {
      format = new IntlMessageFormat(all[key][LANGUAGES.indexOf(language)] ?? '', language, undefined, {
        ignoreTag: true,
      });
      formats.set(id, format);
    }
    return String(format.format(values));
  };
};

/** The language that the browser wants most of those that there are. @param header Accept-Language (RFC 9110 12.5.4) */
export const wantedLanguage = (header: string | undefined): Language => {
  const wishes = (header ?? '').split(',').map((part) => {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
    const q = parameters.map((one) => /^\s*q=([\d.]+)/.exec(one)?.[1]).find((value) => value !== undefined);
    return { language: tag.split('-')[0] ?? '', weight: q === undefined ? 1 : Number(q) };
  });
  wishes.sort((a, b) => b.weight - a.weight);
  return LANGUAGES.find((language) => language === wishes.find((wish) => isLanguage(wish.language))?.language) ?? 'en';
};

export const isLanguage = (text: string | undefined): text is Language =>
  LANGUAGES.some((language) => language === text);
