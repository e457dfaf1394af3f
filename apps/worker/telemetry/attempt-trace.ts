// An attempt as a trace shows it: in codes and times; no address, no subject, no server's words.
import type { Outcome, Reply } from '../../../libs/mail/email/outcome';
import type { Lease } from '../../../libs/jobs/transitions/lease';
import { traceWork, type Span } from '../../../libs/runtime/telemetry/tracing';

interface Ended {
  outcome: Outcome;
  settings: { transport: string };
}

/** A message to very many recipients has as many replies: of each code one is enough. */
const codesOf = (replies: readonly Reply[]): { code: number; enhancedCode?: string }[] => {
  const codes = replies.map(({ code, enhancedCode }) => ({ code, ...(enhancedCode && { enhancedCode }) }));
  return [...new Map(codes.map((one) => [`${one.code} ${one.enhancedCode}`, one])).values()];
};

const tellEnd = (span: Span, outcome: Outcome, transport: string): void => {
  if (!span.isRecording()) return;
  for (const { code, enhancedCode } of 'replies' in outcome ? codesOf(outcome.replies) : [])
    span.addEvent('smtp reply', { 'smtp.code': code, ...(enhancedCode && { 'smtp.enhanced_code': enhancedCode }) });
  span.setAttributes({
    'rohrpost.outcome': outcome.kind,
    'rohrpost.transport': transport,
    ...('code' in outcome && { 'rohrpost.code': outcome.code }),
  });
};

/** Does an attempt in a span that goes on with the trace in which the email was accepted, and ends with the server's reply. */
export const traceAttempt = <E extends Ended>(lease: Lease, run: (span: Span) => Promise<E>): Promise<E> =>
  traceWork('attempt', lease.email.traceparent, async (span) => {
    if (span.isRecording()) {
      const { tenant, application } = lease.queue.address;
      span.setAttributes({
        'rohrpost.email': lease.id,
        'rohrpost.tenant': tenant,
        'rohrpost.application': application,
        'rohrpost.attempt': lease.attemptsBefore + lease.attemptsMade + 1,
      });
    }
    const ended = await run(span);
    tellEnd(span, ended.outcome, ended.settings.transport);
    return ended;
  });
