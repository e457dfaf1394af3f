// Every page of the console.
import type { Page } from '../page/page';
import { START_PAGES } from './start/start';

export const PAGES: readonly Page[] = [...START_PAGES];
