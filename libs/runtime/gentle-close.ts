// How an HTTP server ends without cutting anybody off: what is under way ends, busy clients are told, idle ones let go of.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

export interface GentleClose {
  /**
   * Takes no new connection; every answer from now on says `Connection: close`, so that a client that keeps its connection
   * leaves it after its answer; connections on which nothing is asked for `quiet` ms are closed. Resolves when all are gone.
   * @param quiet ms; with 0 idle connections are closed at once, and a request that was just leaving its client is lost
   * @param left ms after which those that are still there are cut off
   */
  close(quiet: number, left: number): Promise<void>;
}

interface Connection {
  /** Answers that are under way. */
  answers: Set<ServerResponse>;
  /** Looks in a row that found it idle. */
  idle: number;
  bytesRead: number;
}

/** Idle connections are looked for so often. Between two looks everything that has arrived is read. */
const LOOK_MS = 50;

/** To be called before the server listens. */
export const createGentleClose = (server: Server): GentleClose => {
  const connections = new Map<Socket, Connection>();
  let closing = false;

  server.on('connection', (socket) => {
    connections.set(socket, { answers: new Set(), idle: 0, bytesRead: 0 });
    socket.once('close', () => connections.delete(socket));
  });
  // First of all listeners: an answer may be given before the next one is called.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (closing) response.shouldKeepAlive = false;
    connection?.answers.add(response);
    response.once('close', () => connection?.answers.delete(response));
  });

  /** Counts looks, not time: after a pause of this process what has arrived meanwhile is read before the next look. */
  const closeIdle = (quiet: number): void => {
    for (const [socket, connection] of connections) {
      const { bytesRead } = socket;
      const isIdle = connection.answers.size === 0 && bytesRead === connection.bytesRead;
      connection.idle = isIdle ? connection.idle + 1 : 0;
      connection.bytesRead = bytesRead;
      if (connection.answers.size === 0 && connection.idle * LOOK_MS >= quiet) socket.destroy();
    }
  };

  return {
    async close(quiet, left) {
      closing = true;
      for (const { answers } of connections.values()) for (const answer of answers) answer.shouldKeepAlive = false;
      const gone = new Promise<void>((resolve) => {
        // Not the HTTP server's own: that closes idle connections, also those on which a request is on its way.
        NetServer.prototype.close.call(server, () => resolve());
      });
      closeIdle(quiet);
      const looks = setInterval(closeIdle, LOOK_MS, quiet);
      const cutOff = setTimeout(() => server.closeAllConnections(), left);
      await gone;
      clearInterval(looks);
      clearTimeout(cutOff);
      // Ends what else the HTTP server does now and then; it does not listen any more.
      server.close();
    },
  };
};
