// The Helm chart: what it makes of values is what Kubernetes takes and what the processes read; values that are wrong are refused.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { ApiEnv } from '../../apps/api/config';
import { SmtpEnv } from '../../apps/smtp/config';
import { WorkerEnv } from '../../apps/worker/config';

const ROOT = join(__dirname, '../..');
const CHART = join(ROOT, 'deploy/helm/rohrpost');
const [HELM = '', TYPES = ''] = (process.env['ROHRPOST_TEST_HELM'] ?? '').split(':');

const LEAST = {
  image: { repository: 'registry.example.org/rohrpost' },
  name: 'mail.example.org',
  redis: { secretKey: 'REDIS_URL' },
  existingSecret: 'rohrpost',
};
const MOST = {
  ...LEAST,
  imagePullSecrets: [{ name: 'registry' }],
  redis: { url: 'redis://redis.example.org:6379' },
  secretVariables: ['ROHRPOST_TRUSTED_PROXIES'],
  content: { store: 's3', s3: { endpoint: 'https://s3.example.org', bucket: 'rohrpost' } },
  graceSeconds: 60,
  variables: { ROHRPOST_MAX_BODY: '52428800' },
  api: {
    service: { type: 'LoadBalancer', annotations: { a: 'b' } },
    ingress: { enabled: true, className: 'nginx', host: 'mail-api.example.org', tlsSecret: 'tls', annotations: {} },
    podAnnotations: { a: 'b' },
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'mail', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
  },
  worker: {
    variables: { ROHRPOST_CONCURRENCY: '100' },
    autoscaling: { enabled: true, prometheusAddress: 'http://prometheus:9090' },
  },
  smtp: { enabled: true, tlsSecret: 'smtp-tls', service: { type: 'LoadBalancer' }, bounces: { enabled: true } },
  networkPolicy: { enabled: true, metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
  podMonitor: { enabled: true, labels: { release: 'prometheus' } },
};
const SECRET: Record<string, string> = {
  REDIS_URL: 'redis://:secret@redis.example.org:6379',
  ROHRPOST_OPERATOR_KEY: 'o'.repeat(32),
  ROHRPOST_SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
  ROHRPOST_S3_ACCESS_KEY_ID: 'id',
  ROHRPOST_S3_SECRET_ACCESS_KEY: 'key',
  ROHRPOST_TRUSTED_PROXIES: '10.0.0.0/8',
};

interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string } };
}
interface Container {
  name: string;
  env: EnvVar[];
  ports: { name: string; containerPort: number }[];
  [probe: `${string}Probe`]: { httpGet: { path: string; port: string } };
}
interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec?: {
    replicas?: number;
    template?: { spec: { terminationGracePeriodSeconds: number; containers: Container[] } };
    triggers?: { metadata: { query: string } }[];
  };
}

let folder: string;
beforeAll(() => {
  // Below the types, so that TypeScript finds them.
  folder = mkdtempSync(join(TYPES, 'chart-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const helm = (command: string[], values: object): { status: number | null; stdout: string; stderr: string } => {
  const file = join(folder, 'values.yaml');
  writeFileSync(file, stringify(values));
  return spawnSync(HELM, [...command, CHART, '--values', file], { encoding: 'utf8', timeout: 60_000 });
};

const render = (values: object): Rendered[] => {
  const { status, stdout, stderr } = helm(['template', 'mail', '--namespace', 'mail'], values);
  expect([status, stderr]).toEqual([0, '']);
  return parseAllDocuments(stdout).flatMap((document) => {
    const object = document.toJS() as Rendered | null;
    return object === null ? [] : [object];
  });
};

const PACKAGES: [RegExp, string][] = [
  [/^keda\.sh/, '@kubernetes-models/keda'],
  [/^monitoring\.coreos\.com/, '@kubernetes-models/prometheus-operator'],
  [/^/, 'kubernetes-models'],
];

/** What TypeScript says of objects as literals of the types of what they say to be: names and types of all members. */
const misfits = (objects: Rendered[]): string => {
  const lines = objects.map((object, index) => {
    const [, name] = PACKAGES.find(([pattern]) => pattern.test(object.apiVersion)) ?? PACKAGES[2] ?? [];
    const type = `import('${name}/${object.apiVersion}/${object.kind}').I${object.kind}`;
    return `export const object${index} = ${JSON.stringify(object, null, 1)} satisfies ${type};`;
  });
  const file = join(folder, 'chart.ts');
  writeFileSync(file, lines.join('\n'));
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const result = spawnSync(process.execPath, [tsc, '--ignoreConfig', ...options, file], {
    cwd: folder,
    encoding: 'utf8',
  });
  return result.stdout + result.stderr;
};

/** The environment of a Deployment's container, with what the Secret holds. */
const environment = (objects: Rendered[], container: Container): Record<string, string> => {
  const shared = objects.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};
  const own = container.env.map(({ name, value, valueFrom }) => {
    expect(valueFrom?.secretKeyRef.name ?? 'rohrpost').toBe('rohrpost');
    return [name, value ?? SECRET[valueFrom?.secretKeyRef.key ?? ''] ?? ''];
  });
  return { ...shared, ...(Object.fromEntries(own) as Record<string, string>) };
};

const deployments = (objects: Rendered[]) =>
  objects.flatMap(({ kind, spec }) =>
    kind === 'Deployment' && spec?.template !== undefined ? [spec.template.spec] : [],
  );

test.each([
  ['the least', LEAST],
  ['the most', MOST],
])('%s values: helm and Kubernetes take it', (_, values) => {
  expect(helm(['lint', '--strict'], values)).toMatchObject({ status: 0 });
  const objects = render(values);
  expect(objects.length).toBeGreaterThan(7);
  expect(misfits(objects)).toBe('');
});

test('a misspelt member would be found', () => {
  const [first, ...others] = render(LEAST).map((object) => JSON.parse(JSON.stringify(object)) as Rendered);
  const wrong = JSON.parse(JSON.stringify(others).replace('readinessProbe', 'readynessProbe')) as Rendered[];
  expect(misfits(first === undefined ? wrong : [first, ...wrong])).toContain('readynessProbe');
});

test.each([
  ['the least', LEAST, { api: ApiEnv, worker: WorkerEnv }],
  ['the most', MOST, { api: ApiEnv, smtp: SmtpEnv, worker: WorkerEnv }],
])(
  '%s values: each process reads its variables, is asked where it answers, and has time to stop',
  (_, values, envs) => {
    const objects = render(values);
    const pods = deployments(objects);
    expect(pods.flatMap(({ containers }) => containers.map(({ name }) => name)).sort()).toEqual(
      Object.keys(envs).sort(),
    );
    for (const { containers, terminationGracePeriodSeconds } of pods) {
      for (const container of containers) {
        const env = environment(objects, container);
        const schema = envs[container.name as keyof typeof envs];
        const config: Record<string, unknown> = schema.parse(env);
        expect(terminationGracePeriodSeconds * 1000).toBeGreaterThan(Number(config['ROHRPOST_GRACE']));
        const answers = config[container.name === 'api' ? 'ROHRPOST_HTTP_PORT' : 'ROHRPOST_PROBE_PORT'];
        for (const [probe, path] of [
          ['startupProbe', '/livez'],
          ['livenessProbe', '/livez'],
          ['readinessProbe', '/readyz'],
        ] as const) {
          const { path: asked, port } = container[probe]?.httpGet ?? { path: '', port: '' };
          const number = container.ports.find(({ name }) => name === port)?.containerPort;
          expect([container.name, probe, asked, number]).toEqual([container.name, probe, path, answers]);
        }
        // Keys are handed to those who check or unseal with them.
        expect('ROHRPOST_OPERATOR_KEY' in env).toBe(container.name === 'api');
        expect('ROHRPOST_SECRET_KEYS' in env).toBe(container.name !== 'smtp');
      }
    }
  },
);

test('bounces come in at a port of the Service only where they are wanted', () => {
  const portsOf = (values: object): string => JSON.stringify(render(values).filter(({ kind }) => kind === 'Service'));
  expect(portsOf(MOST)).toContain('{"name":"bounces","port":25,"targetPort":"bounces"}');
  expect(portsOf({ ...MOST, smtp: { enabled: true, tlsSecret: 'smtp-tls' } })).not.toContain('bounces');
});

test('with autoscaling the chart does not say how many workers there are, and asks for a metric that is told', () => {
  const objects = render(MOST);
  const worker = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith('-worker'));
  expect(worker?.spec).not.toHaveProperty('replicas');
  const scaled = objects.find(({ kind }) => kind === 'ScaledObject');
  expect(scaled?.spec?.triggers?.[0]?.metadata.query).toBe('max(rohrpost_due_emails{namespace="mail"})');
});

test.each([
  ['no Redis', { ...LEAST, redis: {} }, '/redis'],
  ['two Redis', { ...LEAST, redis: { url: 'redis://redis:6379', secretKey: 'REDIS_URL' } }, '/redis'],
  ['no name', { ...LEAST, name: '' }, '/name'],
  ['no Secret', { ...LEAST, existingSecret: '' }, '/existingSecret'],
  ['no image', { ...LEAST, image: {} }, '/image'],
  ['a value that is none', { ...LEAST, workers: 3 }, 'workers'],
  ['a variable that is none', { ...LEAST, variables: { ROHRPOST_CONCURENCY: '5' } }, 'ROHRPOST_CONCURENCY'],
  ['a number as a variable', { ...LEAST, variables: { ROHRPOST_MAX_BODY: 26214400 } }, '/variables/ROHRPOST_MAX_BODY'],
  ['S3 without a bucket', { ...LEAST, content: { store: 's3', s3: { endpoint: 'https://s3' } } }, '/content/s3'],
  ['SMTP without TLS', { ...LEAST, smtp: { enabled: true } }, '/smtp'],
  ['an ingress without a host', { ...LEAST, api: { ingress: { enabled: true } } }, '/api/ingress'],
  ['autoscaling blind', { ...LEAST, worker: { autoscaling: { enabled: true } } }, '/worker/autoscaling'],
])('%s is refused', (_, values, place) => {
  const { status, stderr } = helm(['template', 'mail'], values);
  expect(status).toBe(1);
  expect(stderr).toContain(place);
});
