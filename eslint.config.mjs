// The walls of the house and the habits of its code. Each wall has its reason in CONTRIBUTING.md.
import tseslint from 'typescript-eslint';

// Which room may open which other room, and which package has its home there.
// Arrows only point down; rooms of one floor never meet.
const GROUND = ['libs/runtime', 'libs/mail'];
const WALLS = {
  'libs/runtime': { rooms: [], packages: ['zod', 'pino', 'ipaddr.js', 'prom-client', '@opentelemetry'] },
  'libs/mail': { rooms: [], packages: ['zod', 'postal-mime', 'jsonc-parser', 'fastest-levenshtein'] },
  'libs/store': { rooms: GROUND, packages: ['ioredis', 'zod', 'lru-cache', 'rate-limiter-flexible'] },
  'libs/content': { rooms: GROUND, packages: ['aws4fetch', 'zod'] },
  'libs/fetch': { rooms: GROUND, packages: ['undici'] },
  'libs/oauth': { rooms: [...GROUND, 'libs/store', 'libs/fetch'], packages: ['oauth4webapi'] },
  'libs/jobs': { rooms: [...GROUND, 'libs/store'], packages: ['bullmq', 'uuidv7', 'lru-cache'] },
  'libs/internal-queues': { rooms: [...GROUND, 'libs/store'], packages: ['bullmq', 'zod'] },
  'libs/dispatch': { rooms: [...GROUND, 'libs/store', 'libs/jobs'], packages: ['lru-cache'] },
  'libs/events': { rooms: [...GROUND, 'libs/store', 'libs/fetch', 'libs/jobs'], packages: ['zod'] },
  'libs/intake': {
    rooms: [...GROUND, 'libs/store', 'libs/content', 'libs/fetch', 'libs/jobs', 'libs/render', 'libs/events'],
    packages: ['zod'],
  },
  'libs/administration': {
    rooms: [...GROUND, 'libs/store', 'libs/content', 'libs/jobs', 'libs/internal-queues', 'libs/events', 'libs/intake'],
    packages: ['zod'],
  },
  'libs/render': {
    rooms: [...GROUND, 'libs/store', 'libs/content'],
    packages: [
      'eta',
      'acorn',
      'html-to-text',
      'lru-cache',
      '@jitl',
      'quickjs-emscripten-core',
      '@css-inline/css-inline-wasm',
      '@cfworker',
      'diff',
    ],
  },
  'libs/send': { rooms: [...GROUND, 'libs/store', 'libs/content'], packages: ['nodemailer', 'lru-cache'] },
  'apps/api': {
    rooms: [
      ...GROUND,
      'libs/store',
      'libs/content',
      'libs/fetch',
      'libs/jobs',
      'libs/internal-queues',
      'libs/render',
      'libs/events',
      'libs/intake',
      'libs/administration',
    ],
    packages: ['express', 'helmet', '@bull-board', 'zod', 'zod-openapi', 'hono', 'intl-messageformat', 'openid-client'],
  },
  'apps/smtp': {
    rooms: [...GROUND, 'libs/store', 'libs/content', 'libs/jobs', 'libs/render', 'libs/events', 'libs/intake'],
    packages: ['smtp-server', 'zod'],
  },
  'apps/cli': { rooms: GROUND, packages: ['commander', 'cli-progress', 'yaml', 'zod'] },
  'apps/reseal': { rooms: [...GROUND, 'libs/store', 'libs/oauth', 'libs/jobs'], packages: ['zod'] },
  'apps/worker': {
    rooms: [
      ...GROUND,
      'libs/store',
      'libs/content',
      'libs/fetch',
      'libs/jobs',
      'libs/internal-queues',
      'libs/dispatch',
      'libs/render',
      'libs/send',
      'libs/oauth',
      'libs/events',
      'libs/intake',
    ],
    packages: ['zod', 'imapflow'],
  },
};
const PACKAGES = [...new Set(Object.values(WALLS).flatMap((room) => room.packages))];

const closedPackage = (room) => (name) => ({
  regex: `^${name}(/|$)`,
  message: `${room} does not open ${name}: its home is elsewhere`,
});
const closedRoom = (room) => (other) => {
  const [top, leaf] = other.split('/');
  return {
    regex: `^\\.\\./(\\.\\./)*(${top}/)?${leaf}/`,
    message: `${room} must not import ${other}: arrows point down only`,
  };
};
const wall = ([room, { rooms, packages }]) => ({
  files: [`${room}/**/*.{ts,tsx}`],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...PACKAGES.filter((name) => !packages.includes(name)).map(closedPackage(room)),
          ...Object.keys(WALLS)
            .filter((other) => other !== room && !rooms.includes(other))
            .map(closedRoom(room)),
          { regex: '^\\.\\./(\\.\\./)*(dev|test|bench)/', message: 'the service must run without its tools' },
        ],
      },
    ],
  },
});

export default tseslint.config(
  {
    ignores: [
      'apps/api/console/assets',
      'clients/typescript/src/schema.ts',
      'clients/examples',
      'dist',
      'node_modules',
      'coverage',
      '.rohrpost',
      '**/*.mjs',
      '**/*.cjs',
    ],
  },
  tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    files: ['**/*.{ts,tsx}'],
    rules: {
      'max-lines': ['error', 250],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/require-await': 'off',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'the environment is read in apps/*/main.ts only' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "CallExpression[callee.object.name='Date'][callee.property.name='now'], NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'ask the Clock (libs/runtime/clock.ts)',
        },
        { selector: 'ExportDefaultDeclaration', message: 'named exports only' },
        { selector: 'ExportAllDeclaration', message: 'no barrels' },
      ],
    },
  },
  ...Object.entries(WALLS).map(wall),
  { files: ['apps/*/main.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['libs/runtime/clock.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['clients/**/*.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['dev/**/*.ts', 'bench/**/*.ts', 'test/attack/run/*.ts'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off', 'no-restricted-syntax': 'off' },
  },
  {
    files: ['test/**/*.ts', '**/*.test.ts'],
    rules: {
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': 'off',
    },
  },
  { files: ['jest.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
