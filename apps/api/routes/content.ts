// Uploads: bytes for attachments of emails to come, kept by their hash.
import { Router } from 'express';
import { Transform } from 'node:stream';
import { Problem } from '../../../libs/mail/input/problem';
import type { Rooms } from '../http/rooms';

/** Passes bytes through, up to a limit. */
const limited = (most: number): Transform => {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > most) done(new Problem('too-large', `the upload is larger than ${most} bytes`));
      else done(null, chunk);
    },
  });
};

export const contentRoutes = (rooms: Rooms): Router => {
  const router = Router({ mergeParams: true });
  router.post('/', async (request, response) => {
    const { address } = await rooms.guard.queue(request, response, 'send');
    const most = rooms.config.maxBody;
    if (Number(request.headers['content-length'] ?? 0) > most)
      throw new Problem('too-large', `the upload is larger than ${most} bytes`);
    await rooms.tenants.ensureQueue(address);
    const body = request.pipe(limited(most));
    // Whoever reads the body is told; until then an aborted upload must not end the process.
    body.on('error', () => undefined);
    request.once('error', (error) => body.destroy(error));
    request.once('aborted', () => body.destroy(new Problem('bad-request', 'the upload ended before it was whole')));
    const stored = await rooms.content.put(body, async (content) => {
      await rooms.budget.requireContent(address, [content]);
      await rooms.refs.claimUpload(address, content);
    });
    response.status(201).json(stored);
  });
  return router;
};
