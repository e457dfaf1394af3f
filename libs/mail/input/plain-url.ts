// An address that the service posts to: web, without login and without fragment.
import { z } from 'zod';

const isPlainUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return ['https:', 'http:'].includes(protocol) && username === '' && password === '' && hash === '';
};

/** @param example for who gave another one */
export const PlainUrl = (example: string) =>
  z.string().max(2_048).refine(isPlainUrl, `must be an address like ${example}, without login and without #`);
