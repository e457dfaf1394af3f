// The start page: what needs somebody now, then the numbers.
import { Live } from '../../kit/parts';
import type { Page } from '../../page/page';

const start: Page = {
  path: '/',
  async get(visit) {
    return {
      title: 'Rohrpost',
      body: (
        <Live visit={visit} id="start">
          <h1>{visit.say('nav.start')}</h1>
        </Live>
      ),
    };
  },
};

export const START_PAGES: readonly Page[] = [start];
