// Finds the primary by asking Sentinels, and hears from them when it is replaced.
import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis';

/**
 * ioredis' own, but for its connections to the Sentinels: those end with the connection to the primary however that ends. After QUIT,
 * which is how BullMQ closes its own, ioredis would keep them and look for the Sentinels for ever.
 */
export class PrimaryConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override async connect(...args: Parameters<SentinelConnector['connect']>): ReturnType<SentinelConnector['connect']> {
    const stream = await super.connect(...args);
    stream.once('close', () => {
      // Of the connection to the primary nothing is left to be closed.
      Object.assign(this, { stream: null });
      this.disconnect();
    });
    return stream;
  }
}
