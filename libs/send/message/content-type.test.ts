// Types of attachments that nobody named.
import { contentTypeOf } from './content-type';

const typeOf = (filename: string, head: string): Promise<string> =>
  contentTypeOf(filename, () => Promise.resolve(Buffer.from(head, 'latin1')));

test.each([
  ['letter.pdf', 'anything', 'application/pdf'],
  ['LETTER.PDF', '<html>', 'application/pdf'],
  ['sheet.csv', '%PDF-1.7', 'text/csv'],
  ['page.html', 'x', 'text/html'],
])('%s is what its name says', async (filename, head, type) => {
  expect(await typeOf(filename, head)).toBe(type);
});

test.each(['eml', 'EML', 'mht', 'mhtml', 'nws', 'mime', 'gzip'])(
  '.%s is no message and no part of parts',
  async (ending) => {
    expect(await typeOf(`a.${ending}`, 'From: a@b')).toBe('application/octet-stream');
    expect(await typeOf(`a.${ending}`, '\x1f\x8b\x08')).toBe('application/gzip');
  },
);

test('whoever says it by its name is not looked into', async () => {
  const head = jest.fn();
  await contentTypeOf('a.png', head);
  expect(head).not.toHaveBeenCalled();
});

test.each([
  ['%PDF-1.7', 'application/pdf'],
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff\xe0', 'image/jpeg'],
  ['GIF89a', 'image/gif'],
  ['RIFF\0\0\0\0WEBPVP8', 'image/webp'],
  ['PK\x03\x04', 'application/zip'],
  ['\x1f\x8b\x08', 'application/gzip'],
  ['BEGIN:VCALENDAR\r\n', 'text/calendar'],
  ['\0\0\0\x20ftypisom', 'video/mp4'],
  ['', 'application/octet-stream'],
  ['hello', 'application/octet-stream'],
])('%j under a name that says nothing', async (head, type) => {
  expect(await typeOf('document', head)).toBe(type);
});

test.each(['<html>', '<!DOCTYPE html>', '<svg onload=x>', '<?xml?><html>', '#!/bin/sh', '<script>', '\ufeff<html>'])(
  '%j becomes nothing that runs',
  async (head) => {
    expect(await typeOf('document', head)).toBe('application/octet-stream');
  },
);
