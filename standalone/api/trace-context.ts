// The trace a call belongs to, as W3C Trace Context has it in its headers (https://www.w3.org/TR/trace-context/, level 1).
import type { Request } from 'express';

const traceparentForm = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
/** What every participant has to pass on at least. */
const mostStateLength = 512;

/** Undefined for a call without a trace, or with one that is none: then it is to be ignored, the specification says. */
export function traceContextOf(request: Pick<Request, 'get'>): Record<string, string> | undefined {
  const traceparent = request.get('traceparent') ?? '';
  if (!traceparentForm.test(traceparent)) return undefined;
  const tracestate = request.get('tracestate');
  return { traceparent, ...(tracestate === undefined || tracestate.length > mostStateLength ? {} : { tracestate }) };
}
