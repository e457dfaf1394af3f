// Every endpoint of the API: the router, the document and the tests come from this table.
import type { Commands } from '../../../libs/administration/commands';
import type { Endpoint } from '../http/endpoint/endpoint';
import type { BodiesInWork } from '../http/bodies-in-work';
import type { LongWork, RouteDeps } from '../http/route-deps';
import { AUDIT_ENDPOINTS } from './installation/audit';
import { CONTENT_ENDPOINTS } from './emails/content';
import { EMAIL_ACTION_ENDPOINTS } from './emails/email-actions';
import { EMAIL_CONTENT_ENDPOINTS } from './emails/email-content';
import { EMAIL_DRAFT_ENDPOINTS } from './emails/email-drafts';
import { EMAIL_LIST_ENDPOINTS } from './emails/email-lists';
import { EMAIL_ENDPOINTS } from './emails/emails';
import { EVENT_ENDPOINTS } from './installation/events';
import { OVERVIEW_ENDPOINTS } from './installation/overview';
import { STATISTICS_ENDPOINTS } from './installation/statistics';
import { INCIDENT_ENDPOINTS } from './emails/incidents';
import { INSTALLATION_ENDPOINTS } from './installation/installation';
import { KEY_ENDPOINTS } from './installation/keys';
import { BULK_ENDPOINTS } from './emails/operations';
import { QUEUE_LIST_ENDPOINTS } from './tenants/queue-lists';
import { QUEUE_ENDPOINTS } from './tenants/queues';
import { SUPPRESSION_LIST_ENDPOINTS } from './tenants/suppression-lists';
import { SUPPRESSION_ENDPOINTS } from './tenants/suppressions';
import { TEMPLATE_VERSION_ENDPOINTS } from './tenants/template-versions';
import { TEMPLATE_ENDPOINTS } from './tenants/templates';
import { BOUNCE_ENDPOINTS } from './tenants/bounces';
import { ERASURE_ENDPOINTS } from './tenants/erasure';
import { TENANT_ENDPOINTS } from './tenants/tenants';
import { TRANSPORT_TRIAL_ENDPOINTS } from './tenants/transport-trials';
import { TRANSPORT_ENDPOINTS } from './tenants/transports';
import { WEBHOOK_DELIVERY_ENDPOINTS } from './tenants/webhook-deliveries';
import { WEBHOOK_ENDPOINTS } from './tenants/webhooks';

/** What handlers work with; each takes what it needs of it. */
export type EndpointDeps = RouteDeps & LongWork & { commands: Commands; bodies: BodiesInWork };

export const ENDPOINTS: readonly Endpoint<EndpointDeps>[] = [
  ...EMAIL_ENDPOINTS,
  ...EMAIL_LIST_ENDPOINTS,
  ...EMAIL_CONTENT_ENDPOINTS,
  ...EMAIL_ACTION_ENDPOINTS,
  ...EMAIL_DRAFT_ENDPOINTS,
  ...INCIDENT_ENDPOINTS,
  ...BULK_ENDPOINTS,
  ...CONTENT_ENDPOINTS,
  ...QUEUE_LIST_ENDPOINTS,
  ...QUEUE_ENDPOINTS,
  ...TENANT_ENDPOINTS,
  ...TRANSPORT_ENDPOINTS,
  ...TRANSPORT_TRIAL_ENDPOINTS,
  ...SUPPRESSION_LIST_ENDPOINTS,
  ...SUPPRESSION_ENDPOINTS,
  ...BOUNCE_ENDPOINTS,
  ...ERASURE_ENDPOINTS,
  ...TEMPLATE_ENDPOINTS,
  ...TEMPLATE_VERSION_ENDPOINTS,
  ...KEY_ENDPOINTS,
  ...INSTALLATION_ENDPOINTS,
  ...AUDIT_ENDPOINTS,
  ...EVENT_ENDPOINTS,
  ...WEBHOOK_ENDPOINTS,
  ...WEBHOOK_DELIVERY_ENDPOINTS,
  ...STATISTICS_ENDPOINTS,
  ...OVERVIEW_ENDPOINTS,
];
