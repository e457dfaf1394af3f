// No cut between chunks may hide the end of a message or change it.
import { createDotReader } from './dot-reader';

it('ends at the final dot however it is cut into chunks', () => {
  const bytes = Buffer.from('a\r\n..\r\nb\r.\n\r\n...\r\n\r\n.\r\nQUIT\r\n');
  for (let size = 1; size <= bytes.length; size++) {
    const reader = createDotReader();
    let at = 0;
    let whole;
    for (; whole === undefined; at += size) whole = reader.push(bytes.subarray(at, at + size));
    expect(whole.raw.toString()).toBe('a\r\n.\r\nb\r.\n\r\n..\r\n\r\n');
    expect(Buffer.concat([whole.rest, bytes.subarray(at)]).toString()).toBe('QUIT\r\n');
  }
});

it('loses the dots that a careless client did not double', () => {
  expect(createDotReader().push(Buffer.from('.a\r\n.b\r\n.\r\n'))?.raw.toString()).toBe('a\r\nb\r\n');
});
