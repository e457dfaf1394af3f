// Reads what may be JSON and may be text.

/** @returns JSON as what it stands for, everything else as the text that it is */
export const jsonOrText = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};
