// If-Match as clients write it, and what is no such header.
import { parseIfMatch } from './if-match';

test.each([
  [undefined, undefined],
  ['*', '*'],
  [' * ', '*'],
  ['"3"', ['3']],
  ['3', ['3']],
  ['W/"3"', ['3']],
  ['"3", "4"', ['3', '4']],
  ['3, W/"4",', ['3', '4']],
  ['"a,b"', ['a,b']],
  ['"*"', ['*']],
  ['""', ['']],
])('If-Match: %s', (header, read) => {
  expect(parseIfMatch(header)).toEqual(read);
});

test.each(['', ' ', ',', '"3', '3"', '"a"b"', '3 4', '*, "3"', "it's, *", 'W/', 'ä ö', 'x'.repeat(1_001)])(
  'malformed: %s',
  (header) => {
    expect(() => parseIfMatch(header)).toThrow(expect.objectContaining({ code: 'malformed-if-match' }) as Error);
  },
);
