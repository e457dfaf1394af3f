// What a client is told of an accepted email, and its short form beside an idempotency key: what the key's record has is left out.

export interface Receipt {
  id: string;
  /** `held`: it needs an approval. */
  state: 'scheduled' | 'queued' | 'held';
  sendAt: string;
  expiresAt: string;
  messageId: string;
}

/** ISO 8601 in UTC. */
const iso = (ms: number): string => new Date(ms).toISOString();

/** @param acceptedAt ms since 1970 */
export const packReceipt = ({ id, state, sendAt, expiresAt, messageId }: Receipt, acceptedAt: number): string => {
  const times = [sendAt, expiresAt].map((time) => Date.parse(time) - acceptedAt);
  const own = `<${id}@`;
  const name = messageId.startsWith(own) ? messageId.slice(own.length - 1) : messageId;
  return [state.charAt(0), ...times, name].join(' ');
};

/** @param packed as `packReceipt` made it, or the receipt as JSON (earlier versions) */
export const unpackReceipt = (packed: string, { id, acceptedAt }: { id: string; acceptedAt: number }): Receipt => {
  if (packed.startsWith('{')) return JSON.parse(packed) as Receipt;
  const [state, sendAt, expiresAt, ...name] = packed.split(' ');
  const messageId = name.join(' ');
  return {
    id,
    state: state === 's' ? 'scheduled' : state === 'h' ? 'held' : 'queued',
    sendAt: iso(acceptedAt + Number(sendAt)),
    expiresAt: iso(acceptedAt + Number(expiresAt)),
    messageId: messageId.startsWith('@') ? `<${id}${messageId}` : messageId,
  };
};
