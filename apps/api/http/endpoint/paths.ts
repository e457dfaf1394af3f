// Where things are: the paths that most endpoints begin with.

export const TENANT = '/v1/tenants/{tenant}';
export const QUEUE = '/v1/queues/{tenant}/{application}';
export const EMAILS = `${QUEUE}/emails` as const;
