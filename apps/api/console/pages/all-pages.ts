// Every page of the console.
import type { Page } from '../page/page';
import { START_PAGES } from './start/start';
import { NEW_TEMPLATE_PAGES } from './templates/new-template';
import { TEMPLATE_PAGES } from './templates/template';
import { TEMPLATE_LIST_PAGE } from './templates/templates';
import { TENANT_PAGES } from './tenants/tenant-pages';
import { TRANSPORT_PAGES } from './transports/transport';

export const PAGES: readonly Page[] = [
  ...START_PAGES,
  ...TENANT_PAGES,
  ...TRANSPORT_PAGES,
  TEMPLATE_LIST_PAGE,
  ...TEMPLATE_PAGES,
];
