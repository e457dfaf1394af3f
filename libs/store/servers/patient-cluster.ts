// A Redis Cluster for whoever waits until it is there: commands are given up neither while all of it is away nor while a node starts.
import { Cluster } from 'ioredis';

/** Asked again after this, ms. */
const AGAIN_MS = 100;

/** What becomes of a command that failed (ioredis). */
interface Handlers {
  connectionClosed: () => void;
}

/** What a node says that has only just started, or has not heard of its own new role. */
const NOT_YET = /^(LOADING|MASTERDOWN|READONLY) /;

/**
 * ioredis asks again where a node is gone (with `maxRedirections` without an end), but gives up where no node is left or one
 * answers that it is loading. A single connection waits then; so does this.
 */
export class PatientCluster extends Cluster {
  override handleError(error: Error, ttl: { value?: unknown }, handlers: Handlers): void {
    const isGone = error.message === 'Connection is closed.' && this.status !== 'ready' && this.status !== 'end';
    if (isGone || NOT_YET.test(error.message)) setTimeout(() => handlers.connectionClosed(), AGAIN_MS);
    else super.handleError(error, ttl, handlers);
  }
}
