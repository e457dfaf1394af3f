// Every page of the console.
import type { Page } from '../page/page';
import { START_PAGES } from './start/start';
import { TENANT_PAGES } from './tenants/tenant-pages';
import { TRANSPORT_PAGES } from './transports/transport';

export const PAGES: readonly Page[] = [...START_PAGES, ...TENANT_PAGES, ...TRANSPORT_PAGES];
