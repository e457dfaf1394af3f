// A sentence of the console in each of its languages, in ICU's message form.

/** English, German. */
export type Sentence = readonly [en: string, de: string];
