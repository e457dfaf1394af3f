// How many emails of a queue came, were sent and failed, by hour and day: counted by the script that makes it happen.
import { BESIDE } from '../../store/redis/keys';

/** What is counted, by the letter under which it is. */
export const TALLIES = {
  accepted: 'a',
  sent: 's',
  failed: 'f',
  deferred: 'd',
  expired: 'e',
  canceled: 'c',
  uncertain: 'u',
} as const;
export type Tallied = keyof typeof TALLIES;

/**
 * From due to sent: the sum in ms, and how many were within each bound (ms) and not within the one before it. Those are counted as sent
 * by it alone: each number more is a call of Redis for each email.
 */
export const LATENCY_SUM = 'm';
export const LATENCY_BOUNDS = [1_000, 5_000, 30_000, 300_000, 3_600_000] as const;

/** Hours, and days, of one hash: few enough that Redis keeps it in one piece. And how long it is kept, s. */
export const HOURS = { name: 'h', ms: 3_600_000, each: 6, kept: 15 * 86_400 } as const;
export const DAYS = { name: 'd', ms: 86_400_000, each: 10, kept: 376 * 86_400 } as const;

/** The hash of a span (its number since 1970), after the queue's BullMQ prefix. */
export const talliesKey = ({ name, each }: typeof HOURS | typeof DAYS, span: number): string =>
  `${BESIDE.tallies}${name}${Math.floor(span / each)}`;

/** Every hash that a queue may have. @param now ms since 1970 */
export const talliesKeys = (bull: string, now: number): string[] =>
  [HOURS, DAYS].flatMap((spans) => {
    const { ms, each, kept } = spans;
    const last = Math.floor(now / ms);
    const count = Math.ceil((kept * 1_000) / ms / each) + 1;
    return Array.from({ length: count }, (_, back) => bull + talliesKey(spans, last - back * each));
  });

/** What a script is told to count: `''` nothing. */
export interface Tally {
  what: Tallied;
  transport: string;
  /** From due to sent, ms, where that is known. */
  latency?: number | undefined;
}

export const tallyArgument = (tally: Tally | undefined): string =>
  tally === undefined ? '' : `${TALLIES[tally.what]}|${tally.transport}|${tally.latency ?? ''}`;

/** Of the states that count, the one that an email in the error log has. */
export const talliedAs = (state: string): Tallied | undefined =>
  state === 'failed' || state === 'expired' || state === 'canceled' || state === 'uncertain' ? state : undefined;

/** In Lua: `tally` counts what `tallyArgument` gave, `by` times. A field is span, letter or latency's bound (`0;`), transport. */
export const TALLY = `
local function tally(prefix, given, at, by)
  if given == '' then return end
  local letter, transport, latency = string.match(given, '^(%a)|([^|]*)|(%d*)$')
  latency = tonumber(latency)
  local bucket = ${LATENCY_BOUNDS.length}
  for index, bound in ipairs(latency and {${LATENCY_BOUNDS.join(', ')}} or {}) do
    if latency <= bound then bucket = index - 1 break end
  end
  local function count(name, ms, each, kept)
    local span = math.floor(tonumber(at) / ms)
    local key = prefix .. '${BESIDE.tallies}' .. name .. string.format('%d', math.floor(span / each))
    local function add(field, number)
      local found = redis.call('HINCRBY', key, string.format('%d', span) .. field .. transport, number)
      if found == number then redis.call('EXPIRE', key, kept) end
    end
    if not latency then return add(letter, by) end
    add('${LATENCY_SUM}', latency)
    add(bucket .. ';', 1)
  end
  count('${HOURS.name}', ${HOURS.ms}, ${HOURS.each}, ${HOURS.kept})
  count('${DAYS.name}', ${DAYS.ms}, ${DAYS.each}, ${DAYS.kept})
end
`;
