// An S3 server for tests: checks signatures, keeps objects in a folder.
import S3rver from '@20minutes/s3rver';
import type { S3Place } from '../../../libs/content/s3-request';

export interface S3Server {
  place: S3Place;
  close(): Promise<void>;
}

export const startS3Server = async (directory: string): Promise<S3Server> => {
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: 'rohrpost' }],
  });
  const { port } = await server.run();
  return {
    place: {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'rohrpost',
      region: 'us-east-1',
      accessKeyId: 'S3RVER',
      secretAccessKey: 'S3RVER',
    },
    close: () => server.close(),
  };
};
