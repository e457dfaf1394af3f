// Loaded into a process by a test: its wall clock is off by as many ms as the file in TEST_CLOCK_FILE says, also while it runs.
import { readFileSync } from 'node:fs';

const RealDate = Date;
const now = RealDate.now;
let shift = { at: -Infinity, ms: 0 };

const shifted = () => {
  if (performance.now() - shift.at > 10) {
    shift = { at: performance.now(), ms: Number(readFileSync(process.env.TEST_CLOCK_FILE, 'utf8')) };
  }
  return now() + shift.ms;
};

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(shifted());
    else super(...given);
  }
  static now = shifted;
};
