// An SMTP server's reply, as it is read: code, enhanced code, text.
import type { Reply } from '../email/outcome';

export { PHASES, type Phase } from './phase';

/** Reads a reply's text: `550 5.1.1 no such user`, also of several lines. */
export const readReply = (response: string, recipient?: string): Reply => {
  const lines = response.split(/\r?\n/).map((line) => line.replace(/^\d{3}[ -]?/, ''));
  const [, enhancedCode] = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response) ?? [];
  return {
    ...(recipient !== undefined && { recipient }),
    code: Number(/^\d{3}/.exec(response)?.[0] ?? 0),
    ...(enhancedCode !== undefined && { enhancedCode }),
    text: lines.join(' ').slice(0, 500),
  };
};
