// What the audit says was done, in the reader's words.
import { isWordKey, type Say } from '../../words/all-words';

/**
 * @param what as the audit has it: a noun, what became of it, and perhaps more, such as `key issued (admin)`
 * @returns the same in the reader's language, as far as its words are known
 */
export const audited = (say: Say, what: string): string => {
  const [, noun = '', done = ''] = /^(\w+) (.*)$/.exec(what) ?? [];
  const [nounKey, didKey] = [`audited.${noun}`, `did.${done}`];
  if (!isWordKey(nounKey)) return what;
  if (noun === 'email' && isWordKey(didKey)) return `${say(nounKey)}: ${say(didKey)}`;
  const [, verb = '', rest = ''] = /^(\w+)(.*)$/.exec(done) ?? [];
  const verbKey = `audited.is.${verb}`;
  return isWordKey(verbKey) ? `${say(nounKey)} ${say(verbKey)}${rest}` : `${say(nounKey)} ${done}`;
};
