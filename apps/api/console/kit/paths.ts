// Addresses of pages: what people named stands in them encoded.

/** `pathTo('tenants', 'acme', 'templates', 'welcome')` */
export const pathTo = (...parts: string[]): string => `/${parts.map(encodeURIComponent).join('/')}`;
