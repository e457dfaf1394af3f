// The SMTP dialogue of an attempt as its log keeps it: the beginning and the end, however much a server says.

export interface Transcript {
  hear: (line: string) => void;
  /** What was heard; a line says how many are left out between the first and the last ones. */
  lines(): string[];
}

/** Characters of the first lines, and of the last ones: how it began says where, how it ended says why. */
const [MOST_FIRST, MOST_LAST] = [24 * 1024, 8 * 1024];

export const createTranscript = (): Transcript => {
  const first: string[] = [];
  const last: string[] = [];
  let [ofFirst, ofLast, leftOut] = [0, 0, 0];
  return {
    hear(line) {
      if (last.length === 0 && ofFirst + line.length <= MOST_FIRST) {
        first.push(line);
        ofFirst += line.length;
        return;
      }
      last.push(line);
      ofLast += line.length;
      while (ofLast > MOST_LAST) {
        ofLast -= last.shift()?.length ?? ofLast;
        leftOut++;
      }
    },
    lines: () => (leftOut === 0 ? [...first, ...last] : [...first, `… ${leftOut} lines left out`, ...last]),
  };
};
