// Pages of tenants.
import type { Page } from '../../page/page';
import { TENANT_PAGE } from './tenant';
import { TENANT_LIST_PAGE } from './tenants';

export const TENANT_PAGES: readonly Page[] = [TENANT_LIST_PAGE, TENANT_PAGE];
