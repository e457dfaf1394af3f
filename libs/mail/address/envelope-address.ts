// An address of an envelope, as settings name one.
import { z } from 'zod';
import { addressFault } from './address';

/** A bare address: nobody reads a name in an envelope. */
export const EnvelopeAddress = z.string().superRefine((text, context) => {
  const fault = /^[!-~]+$/.test(text) ? addressFault(text) : 'must be a bare address in ASCII, like test@acme.example';
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});
