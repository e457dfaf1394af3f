// What BullMQ clients are told of an email's end, where the operator wants it: its event stream, and its metrics.
import type { ResolvedSettings } from '../../mail/settings/settings';

/** Entries of a queue's event stream, about: Redis cuts it in whole nodes. BullMQ's own default is 10,000. */
export const EVENTS_KEPT = 1_000;
/** Where nobody wants them, BullMQ's own scripts still write some (a pause, what they put back): as short as Redis allows. */
export const EVENTS_KEPT_UNASKED = 100;
/** Minutes of BullMQ's metrics: a day. */
const METRICS_MINUTES = 1_440;

/** `''`: nothing is told. `counted`: it counts in the metrics, which name no email. `told`: it is in the event stream, too. */
export type Telling = '' | 'counted' | 'told';

/** Emails that no list is to show after their end are in no event either. */
const isPrivate = ({ history }: Pick<ResolvedSettings, 'history'>): boolean => !history.keep;

/**
 * @param queue whether BullMQ clients are told of its emails
 * @param settings of the email that ends
 */
export const tellingOf = ({ tells }: { tells: boolean }, settings: Pick<ResolvedSettings, 'history'>): Telling => {
  if (!tells) return '';
  return isPrivate(settings) ? 'counted' : 'told';
};

/**
 * In Lua: `tell`, after an email has reached `completed` or `failed`. Events hold codes only, never a reason's text: that quotes
 * servers, who quote addresses. One that was in the error log already is told of once. As BullMQ 6.7 does it (moveToFinished,
 * collectMetrics). Under `pcall`, so that a stream that somebody else has spoilt spoils no email's end.
 */
export const TELL = `
local function countEnd(key, now)
  local count = redis.call('HINCRBY', key, 'count', 1) - 1
  local before, counted = unpack(redis.call('HMGET', key, 'prevTS', 'prevCount'))
  if not before then return redis.call('HSET', key, 'prevTS', now, 'prevCount', 0) end
  local minutes = math.min(math.floor(now / 60000) - math.floor(before / 60000), ${METRICS_MINUTES})
  if minutes < 1 then return end
  local points = {count - counted}
  for minute = 2, minutes do points[minute] = 0 end
  redis.call('LPUSH', key .. ':data', unpack(points))
  redis.call('LTRIM', key .. ':data', 0, ${METRICS_MINUTES - 1})
  redis.call('HSET', key, 'prevCount', count, 'prevTS', now)
end
local function tell(telling, prefix, id, from, to, reason)
  if telling == '' or from == 'failed' and to == 'failed' then return end
  local time = redis.call('TIME')
  pcall(countEnd, prefix .. 'metrics:' .. to, time[1] * 1000 + math.floor(time[2] / 1000))
  if telling ~= 'told' then return end
  local field, code = 'returnvalue', '"sent"'
  if to == 'failed' then field, code = 'failedReason', string.match(reason, '^([%a-]+): ') or 'refused' end
  redis.pcall('XADD', prefix .. 'events', 'MAXLEN', '~', ${EVENTS_KEPT}, '*', 'event', to, 'jobId', id, field, code, 'prev', from)
end
`;
