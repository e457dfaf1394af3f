// The log of an email: how much of it is kept, whatever servers say and however often it is tried or changed.
import type { Attempt, LogLine } from '../../mail/email/outcome';

/** Beyond so many bytes lines are written short (`shortened`); beyond the other the oldest ones go. */
export const MOST_FULL = 1024 * 1024;
export const MOST_KEPT = 1.5 * 1024 * 1024;

/**
 * Lua: `remember(key, line, short)` adds a line to the log of the job `key`, the short one where the log is long and there is one. What the log
 * holds is asked of Redis (MEMORY USAGE over all its nodes, of which a usual log has one): nothing that is counted beside it can be
 * wrong, also for logs of earlier versions. Where Redis does not say, the log counts as short.
 */
export const REMEMBER = `
local function remember(key, line, short)
  local logs = key .. ':logs'
  local function held()
    local size = redis.pcall('MEMORY', 'USAGE', logs, 'SAMPLES', 0)
    return type(size) == 'number' and size or 0
  end
  local bytes = held()
  if bytes + #line > ${MOST_FULL} and short ~= '' then line = short end
  if bytes + #line > ${MOST_KEPT} then
    repeat until held() + #line <= ${MOST_KEPT} or not redis.call('LPOP', logs)
  end
  redis.call('RPUSH', logs, line)
end
`;

/** Of an attempt that is written short. */
const SHORT_TEXT = 200;

/** What is left of an attempt where there is little room: that it was made, when, and how it ended. */
export const shortened = ({ number, startedAt, endedAt, outcome, transport, text }: Attempt): Attempt => ({
  number,
  startedAt,
  endedAt,
  outcome,
  ...(transport !== undefined && { transport }),
  ...(text !== undefined && { text: text.slice(0, SHORT_TEXT) }),
  replies: [],
  shortened: true,
});

/** A line of so many characters is short as it is: nothing would be won by another form of it. */
const SHORT_LINE = 600;

/** Both forms of a line as the scripts take them; empty where there is none. A change has one: it is short. */
export const logLines = (line: LogLine | undefined): [full: string, short: string] => {
  if (line === undefined) return ['', ''];
  const full = JSON.stringify(line);
  if (line.kind !== 'attempt' || full.length <= SHORT_LINE) return [full, ''];
  return [full, JSON.stringify({ kind: line.kind, ...shortened(line) })];
};
