// What every answer tells a browser: it is nobody's page, script or frame. A page of ours says otherwise for itself.
import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** Helmet's headers, the strict values where it has a choice. */
export const securityHeaders: RequestHandler = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
  },
  xFrameOptions: { action: 'deny' },
  // Heeded over TLS alone, which is the proxy's; other names below it are not ours to speak for.
  strictTransportSecurity: { includeSubDomains: false },
}) as RequestHandler;
