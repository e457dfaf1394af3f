// Every page of the console.
import type { Page } from '../page/page';
import { AUDIT_PAGES } from './access/audit';
import { BULK_PAGES } from './bulk/bulk';
import { INCIDENTS_PAGES } from './incidents/incidents';
import { INCIDENT_PAGES } from './incidents/incident';
import { KEY_PAGES } from './access/keys';
import { NEW_TEMPLATE_PAGES } from './templates/new-template';
import { OPERATION_PAGES } from './bulk/operation';
import { QUEUES_PAGES } from './queues/queues';
import { QUEUE_PAGES } from './queues/queue';
import { QUEUE_SETTINGS_PAGES } from './queues/settings';
import { SEARCH_PAGES } from './queues/search';
import { START_PAGES } from './start/start';
import { STATISTICS_PAGES } from './statistics/statistics';
import { TEMPLATE_LIST_PAGE } from './templates/templates';
import { TEMPLATE_PAGES } from './templates/template';
import { TENANT_PAGES } from './tenants/tenant-pages';
import { TRANSPORT_PAGES } from './transports/transport';

export const PAGES: readonly Page[] = [
  ...START_PAGES,

export const PAGES: readonly Page[] = [...STATISTICS_PAGES, ...INCIDENTS_PAGES, ...INCIDENT_PAGES, ...BULK_PAGES, ...OPERATION_PAGES, ...QUEUES_PAGES, ...QUEUE_PAGES, ...QUEUE_SETTINGS_PAGES, ...SEARCH_PAGES, ...TENANT_PAGES, ...TRANSPORT_PAGES, ...TEMPLATE_PAGES, ...NEW_TEMPLATE_PAGES, ...KEY_PAGES, ...AUDIT_PAGES];
];
