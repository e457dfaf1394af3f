// Traces, where the operator has loaded an SDK of OpenTelemetry; without one every call here does nothing.
//
// No span carries an address, a subject, a server's words or the text of an error: those may quote the email.
import {
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  propagation,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { VERSION } from '../version';

export type { Span };

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** @returns undefined where no SDK is loaded */
const tracerNow = (): Tracer | undefined => {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer('rohrpost', VERSION)
    : provider.getTracer('rohrpost', VERSION);
};

/** W3C Trace Context, level 1, 3.2: version, trace, span, flags. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

const readTraceparent = (text: unknown): SpanContext | undefined => {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(typeof text === 'string' ? text : '') ?? [];
  const read = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(read) ? read : undefined;
};

/** Ends the span when the work is over. That it failed is told, and not how. */
const inSpan = <T>(
  tracer: Tracer,
  name: string,
  kind: SpanKind,
  parent: Context,
  work: (span: Span) => Promise<T>,
  isFault: (error: unknown) => boolean = () => true,
): Promise<T> =>
  tracer.startActiveSpan(name, { kind }, parent, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      if (isFault(error)) span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });

/**
 * Answers a request in a span of its own: a child of the one that an instrumentation of HTTP has begun, else of the caller's that the
 * header `traceparent` names.
 * @param name of the operation
 * @param isFault whether what was thrown is an error of the service, and not of the caller
 */
export const traceRequest = <T>(
  name: string,
  headers: object,
  work: () => Promise<T>,
  isFault: (error: unknown) => boolean,
): Promise<T> => {
  const tracer = tracerNow();
  if (tracer === undefined) return work();
  const active = context.active();
  const isServed = trace.getSpan(active) !== undefined;
  const parent = isServed ? active : propagation.extract(active, headers);
  return inSpan(tracer, name, isServed ? SpanKind.INTERNAL : SpanKind.SERVER, parent, work, isFault);
};

/**
 * Does work of a trace that another process began.
 * @param traceparent as `traceparent` gave it there; whatever else it is, a trace of its own begins
 */
export const traceWork = <T>(name: string, traceparent: unknown, work: (span: Span) => Promise<T>): Promise<T> => {
  const tracer = tracerNow();
  if (tracer === undefined) return work(NO_SPAN);
  const begun = readTraceparent(traceparent);
  const parent = begun === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, begun);
  return inSpan(tracer, name, SpanKind.CONSUMER, parent, work);
};

/** The present span, to be kept with what another process goes on with; undefined where there is no trace. */
export const traceparent = (): string | undefined => {
  const now = trace.getActiveSpan()?.spanContext();
  if (now === undefined || !isSpanContextValid(now)) return undefined;
  return `00-${now.traceId}-${now.spanId}-0${now.traceFlags & TraceFlags.SAMPLED}`;
};

/** Says that the present span has to do with the one of an earlier trace. */
export const linkTrace = (to: unknown): void => {
  const linked = readTraceparent(to);
  if (linked !== undefined) trace.getActiveSpan()?.addLink({ context: linked });
};

/** Something happened in the present span. */
export const traceEvent = (name: string, attributes: Attributes): void => {
  trace.getActiveSpan()?.addEvent(name, attributes);
};
