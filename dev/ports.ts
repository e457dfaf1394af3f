// Finds out, before anything is started, whether the ports are to be had.
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { StopError } from './telling';

export interface WantedPort {
  /** The environment variable that sets it. */
  variable: string;
  host: string;
  /** 0 takes any free one. */
  port: number;
}

/** @returns the port that can be listened on, or the error's code where it cannot */
const probe = ({ host, port }: WantedPort): Promise<number | string> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });

/** Any free port of 127.0.0.1. Somebody else may take it before it is used: whoever asks must be ready to ask again. */
export const freePort = async (): Promise<number> => Number(await probe({ variable: '', host: '127.0.0.1', port: 0 }));

/** @returns the first port that is free, from this one on. @throws StopError where none of a hundred is */
export const nextFreePort = async (host: string, from: number): Promise<number> => {
  for (let port = from; port < from + 100; port++)
    if ((await probe({ variable: '', host, port })) === port) return port;
  throw new StopError(`No port of ${host} from ${from} on is free. Set ROHRPOST_SMTP_PORT to one that is, or to 0.`);
};

/**
 * Makes sure that every port is free, and chooses one where 0 is wanted.
 * @param patience ms to wait for a port to become free: the children of a launcher that was killed need a moment to
 *   notice that they are alone and to close theirs
 * @returns the ports in the order of the question
 * @throws StopError one message with every port that is taken and the variable that moves it
 */
export const requirePorts = async (wanted: readonly WantedPort[], patience = 1_500): Promise<number[]> => {
  const fixed = wanted.filter(({ port }) => port !== 0);
  const twin = fixed.find(({ port }, index) => fixed.findIndex((other) => other.port === port) < index);
  if (twin !== undefined) throw new StopError(`${twin.variable}=${twin.port}: another part of Rohrpost has this port.`);

  const until = performance.now() + patience;
  for (;;) {
    const found = await Promise.all(wanted.map(probe));
    const bad = wanted.flatMap((want, index) => {
      const code = found[index];
      return typeof code === 'number' ? [] : [{ want, code: code ?? 'unknown' }];
    });
    if (bad.length === 0) return found.map(Number);
    if (performance.now() >= until) throw new StopError(bad.map(({ want, code }) => sentence(want, code)).join('\n'));
    await pause(100);
  }
};

const sentence = ({ variable, host, port }: WantedPort, code: string): string => {
  const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be listened on (${code})`;
  return `Port ${port} on ${host} ${why}. Set ${variable} to a free one, for example: ${variable}=${port + 1000 > 65_535 ? port - 1000 : port + 1000} npm start`;
};
