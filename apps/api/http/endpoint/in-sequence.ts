// Several handlers as one: express looks at each of its own for every request, which costs more than what they do.
import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** Calls them one after the other, as express would; what one throws, or rejects with, ends it. */
export const inSequence =
  (...handlers: RequestHandler[]): RequestHandler =>
  (request: Request, response: Response, next: NextFunction) => {
    let at = 0;
    const goOn = (error?: unknown): void => {
      const handler = handlers[at++];
      if (error !== undefined || handler === undefined) return next(error);
      try {
        const done = handler(request, response, goOn);
        if (done instanceof Promise) done.catch(next);
      } catch (fault) {
        next(fault);
      }
    };
    goOn();
  };
