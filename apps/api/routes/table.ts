// Every operation of the API: the router, the document and the tests come from this table.
import type { BulkOperation } from '../../../libs/administration/bulk/bulk-operation';
import type { Commands } from '../../../libs/administration/commands';
import type { Operations } from '../../../libs/internal-queues/operations';
import type { Operation } from '../http/operation/operation';
import type { Rooms } from '../http/rooms';
import { AUDIT_OPERATIONS } from './audit';
import { CONTENT_OPERATIONS } from './content';
import { EMAIL_ACTION_OPERATIONS } from './email-actions';
import { EMAIL_CONTENT_OPERATIONS } from './email-content';
import { EMAIL_OPERATIONS } from './emails';
import { INSTALLATION_OPERATIONS } from './installation';
import { KEY_OPERATIONS } from './keys';
import { BULK_OPERATIONS } from './operations';
import { QUEUE_LIST_OPERATIONS } from './queue-lists';
import { QUEUE_OPERATIONS } from './queues';
import { TEMPLATE_VERSION_OPERATIONS } from './template-versions';
import { TEMPLATE_OPERATIONS } from './templates';
import { TENANT_OPERATIONS } from './tenants';
import { TRANSPORT_OPERATIONS } from './transports';

/** What handlers work with; each takes what it needs of it. */
export type OperationDeps = Rooms & { commands: Commands; operations: Operations<BulkOperation> };

export const OPERATIONS: readonly Operation<OperationDeps>[] = [
  ...EMAIL_OPERATIONS,
  ...EMAIL_CONTENT_OPERATIONS,
  ...EMAIL_ACTION_OPERATIONS,
  ...BULK_OPERATIONS,
  ...CONTENT_OPERATIONS,
  ...QUEUE_LIST_OPERATIONS,
  ...QUEUE_OPERATIONS,
  ...TENANT_OPERATIONS,
  ...TRANSPORT_OPERATIONS,
  ...TEMPLATE_OPERATIONS,
  ...TEMPLATE_VERSION_OPERATIONS,
  ...KEY_OPERATIONS,
  ...INSTALLATION_OPERATIONS,
  ...AUDIT_OPERATIONS,
];
