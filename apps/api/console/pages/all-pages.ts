// Every page of the console.
import type { Page } from '../page/page';
import { START_PAGES } from './start/start';
import { STATISTICS_PAGES } from './statistics/statistics';

export const PAGES: readonly Page[] = [...START_PAGES, ...STATISTICS_PAGES];
