// A secret in what an administrator puts: given anew, or left as it is.
import { z } from 'zod';

/** `{"set": true}` keeps what is stored. */
export const SecretInput = z.union([z.string().min(1).max(16_384), z.strictObject({ set: z.literal(true) })]);
