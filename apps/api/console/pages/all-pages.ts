// Every page of the console.
import type { Page } from '../page/page';
import { AUDIT_PAGES } from './access/audit';
import { KEY_PAGES } from './access/keys';
import { BULK_PAGES } from './bulk/bulk';
import { OPERATION_PAGES } from './bulk/operation';
import { CORRECT_PAGES } from './email/correct/correct-page';
import { EMAIL_PAGES } from './email/email-page';
import { RESEND_PAGES } from './email/resend-page';
import { STEP_PAGES } from './email/steps-pages';
import { INCIDENT_PAGES } from './incidents/incident';
import { INCIDENTS_PAGES } from './incidents/incidents';
import { QUEUE_PAGES } from './queues/queue';
import { QUEUES_PAGES } from './queues/queues';
import { SEARCH_PAGES } from './queues/search';
import { QUEUE_SETTINGS_PAGES } from './queues/settings';
import { START_PAGES } from './start/start';
import { STATISTICS_PAGES } from './statistics/statistics';
import { SUPPRESSIONS_PAGES } from './suppressions/suppressions';
import { NEW_TEMPLATE_PAGES } from './templates/new-template';
import { TEMPLATE_PAGES } from './templates/template';
import { TEMPLATE_LIST_PAGES } from './templates/templates';
import { TENANT_PAGES } from './tenants/tenant-pages';
import { TRANSPORT_PAGES } from './transports/transport';
import { WEBHOOK_PAGES } from './webhooks/webhook';

export const PAGES: readonly Page[] = [
  ...AUDIT_PAGES,
  ...KEY_PAGES,
  ...BULK_PAGES,
  ...OPERATION_PAGES,
  ...CORRECT_PAGES,
  ...EMAIL_PAGES,
  ...RESEND_PAGES,
  ...STEP_PAGES,
  ...INCIDENT_PAGES,
  ...INCIDENTS_PAGES,
  ...QUEUE_PAGES,
  ...QUEUES_PAGES,
  ...SEARCH_PAGES,
  ...QUEUE_SETTINGS_PAGES,
  ...START_PAGES,
  ...STATISTICS_PAGES,
  ...SUPPRESSIONS_PAGES,
  ...NEW_TEMPLATE_PAGES,
  ...TEMPLATE_PAGES,
  ...TEMPLATE_LIST_PAGES,
  ...TENANT_PAGES,
  ...TRANSPORT_PAGES,
  ...WEBHOOK_PAGES,
];
