// Fields that the contract has and the service has not built yet: refused, never accepted and ignored.
import { z } from 'zod';

/** Marks an issue as "not supported yet" for whoever turns issues into a problem document. */
export const NOT_YET = 'not-supported-yet';

/** A field of which only some values are built. */
export const notYetUnless = <T>(supported: T) =>
  z
    .unknown()
    .superRefine((value, context) => {
      if (value === undefined || value === supported) return;
      context.addIssue({
        code: 'custom',
        message: `only ${JSON.stringify(supported)} is supported yet`,
        params: { problem: NOT_YET },
      });
    })
    .transform((): T => supported)
    .optional();
