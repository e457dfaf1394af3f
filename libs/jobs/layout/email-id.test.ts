// Ids must sort by time and say their time, since lists and ranges rely on it.
import { idBound, idTime, invertDigits, isEmailId, newEmailId } from './email-id';

test('ids made one after another sort in that order', () => {
  const ids = Array.from({ length: 5_000 }, () => newEmailId(Date.now()));
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every(isEmailId)).toBe(true);
});

test('an id tells the time at which it was made', () => {
  const before = Date.now();
  const time = idTime(newEmailId(Date.now()));
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(Date.now());
});

test('a bound lies below all ids of its time and above all earlier ones', () => {
  const id = newEmailId(Date.now());
  expect(idBound(idTime(id)) <= id).toBe(true);
  expect(idBound(idTime(id) + 1) > id).toBe(true);
});

test('turned digits sort the other way and turn back', () => {
  const [a, b] = [newEmailId(Date.now()).slice(2), newEmailId(Date.now()).slice(2)];
  expect(a < b && invertDigits(a) > invertDigits(b)).toBe(true);
  expect(invertDigits(invertDigits(a))).toBe(a);
});
