// The embedded Redis as a container, for machines that have an engine but no server program.
import { userInfo } from 'node:os';
import type { Place } from './redis-place';

const IMAGE = 'valkey/valkey:8-alpine';

/**
 * Arguments that run the server in the foreground, its configuration on standard input. Port and folder are the same
 * inside and outside, so that the proof of ownership needs no exception.
 */
export const containerArgs = (engine: 'docker' | 'podman', { port, dir }: Place): string[] => {
  const { uid, gid } = userInfo();
  // The files must belong to us, not to the image's user.
  const user = engine === 'podman' ? ['--userns=keep-id'] : ['--user', `${uid}:${gid}`];
  const volume = engine === 'podman' ? `${dir}:${dir}:Z` : `${dir}:${dir}`;
  const pull = process.env['ROHRPOST_NO_DOWNLOAD'] === '1' ? ['--pull=never'] : [];
  return [
    ...['run', '--rm', '--interactive', '--name', `rohrpost-redis-${port}`],
    ...['--publish', `127.0.0.1:${port}:${port}`, '--volume', volume, ...user, ...pull],
    ...[IMAGE, 'valkey-server', '-'],
  ];
};
