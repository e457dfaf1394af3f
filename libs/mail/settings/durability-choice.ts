// What is waited for before an email counts as accepted, or as about to be handed over: the operator's choice.
import { z } from 'zod';

export interface DurabilityChoice {
  /** Redis' memory, its disk, or the memory of replicas. */
  kind: 'memory' | 'disk' | 'replica';
  /** How many of them, for `replica`. */
  replicas: number;
}

/** Variables of whatever accepts or sends. */
export const DURABILITY_ENV = {
  ROHRPOST_DURABILITY: z.enum(['memory', 'disk', 'replica']).default('memory'),
  ROHRPOST_DURABILITY_REPLICAS: z.coerce.number().int().min(1).max(100).default(1),
};

export const toDurability = (env: z.infer<z.ZodObject<typeof DURABILITY_ENV>>): DurabilityChoice => ({
  kind: env.ROHRPOST_DURABILITY,
  replicas: env.ROHRPOST_DURABILITY_REPLICAS,
});
