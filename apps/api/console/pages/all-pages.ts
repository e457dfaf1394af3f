// Every page of the console.
import type { Page } from '../page/page';
import { AUDIT_PAGES } from './access/audit';
import { KEY_PAGES } from './access/keys';
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
  ...NEW_TEMPLATE_PAGES,
  ...KEY_PAGES,
  ...AUDIT_PAGES,
];
