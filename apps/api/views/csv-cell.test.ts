// Cells of exports: a spreadsheet takes none of them for a formula.
import { csvCell } from './csv-cell';

test.each([
  ['plain', 'plain'],
  [undefined, ''],
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['  =1', "'  =1"],
  ['\t=1', `"'\t=1"`],
  ['a;b', '"a;b"'],
  ['\r=1', `"'\r=1"`],
  ['a,b', '"a,b"'],
  ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
  ['two\nlines', '"two\nlines"'],
])('%j', (given, cell) => {
  expect(csvCell(given)).toBe(cell);
});
