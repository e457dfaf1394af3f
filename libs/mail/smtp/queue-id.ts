// Under which name a server keeps a message that it took: what its operator looks for in his log.

/** How servers say it in their reply to the message: Postfix and many others, Exim, qmail, Exchange, Gmail, Amazon SES, OpenSMTPD. */
const FORMS = [
  /\bqueued as ([\w.=+-]+)/i,
  /\bqueued (?:with|under) id:? ?([\w-]+)/i,
  /\bqueued \(([\w.-]{6,})\)/i,
  /\bids?=([\w.-]+)/i,
  /\bqp (\d+)\b/,
  /\[InternalId=(\d+)/,
  /^(?:\d\.\d\.\d )?OK\s+\d{9,11} ([\w.-]+) - gsmtp/i,
  /^(?:\d\.\d\.\d )?Ok ([\da-f]{16}-[\da-f-]{20,})$/i,
  /^(?:\d\.\d\.\d )?([\w-]{6,}) Message accepted for delivery/i,
];

/** @param text of the reply to the message, without its three digits @returns undefined where it names none that we know */
export const queueIdOf = (text: string): string | undefined => {
  for (const form of FORMS) {
    const [, id] = form.exec(text) ?? [];
    if (id !== undefined) return id.slice(0, 100);
  }
  return undefined;
};
