// Formats come from the host's Intl: JSON in, JSON out, and nothing of the host beside.
import { answerFormat } from './formatting';

const ask = (kind: string, ...values: unknown[]): unknown => JSON.parse(answerFormat(kind, JSON.stringify(values)));

test('dates, numbers and money in the words of a locale', () => {
  const at = Date.UTC(2026, 4, 3, 22, 30);
  expect(ask('date', at, { locale: 'de-CH', dateStyle: 'long', timeZone: 'Europe/Zurich' })).toEqual(['4. Mai 2026']);
  expect(ask('date', at, { locale: 'en-GB' })).toEqual(['3 May 2026']);
  expect(ask('number', 1234.5, { locale: 'de' })).toEqual(['1.234,5']);
  expect(ask('number', '12345678901234567890.12', { locale: 'en' })).toEqual(['12,345,678,901,234,567,890.12']);
  expect(ask('number', 9.5, { locale: 'en-US', style: 'currency', currency: 'USD' })).toEqual(['$9.50']);
});

test('what cannot be formatted is told', () => {
  expect(ask('date', 0, {})).toEqual([null, expect.stringContaining('a locale is needed') as string]);
  expect(ask('number', 1, { locale: 'no such locale' })).toEqual([null, expect.any(String) as string]);
  expect(ask('number', 1, { locale: 'x'.repeat(30_000) })).toEqual([
    null,
    expect.stringContaining('too long') as string,
  ]);
  expect(ask('constructor')).toEqual([null, expect.any(String) as string]);
  expect(JSON.parse(answerFormat('date', 'not json'))).toEqual([null, expect.any(String) as string]);
});
