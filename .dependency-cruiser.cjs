// Rings and walls that lint cannot see: arrows between rooms point down, rooms of one floor never meet.
const FLOORS = [
  ['mail', 'runtime'],
  ['store', 'content', 'fetch'],
  ['jobs', 'internal-queues', 'oauth'],
  ['dispatch', 'events', 'render', 'send'],
  ['intake'],
  ['administration'],
];
const ROOMS = FLOORS.flat().join('|');

/** For each room: it imports neither a higher floor nor a neighbour. Its tests neither: they speak of this room alone. */
const floors = FLOORS.flatMap((rooms, floor) =>
  rooms.map((room) => {
    const closed = [...rooms.filter((other) => other !== room), ...FLOORS.slice(floor + 1).flat()];
    return {
      name: `floor-of-${room}`,
      severity: 'error',
      from: { path: `^libs/${room}/` },
      to: { path: `^libs/(${closed.join('|')})/` },
    };
  }),
);

module.exports = {
  forbidden: [
    { name: 'no-rings', severity: 'error', from: {}, to: { circular: true } },
    ...floors,
    { name: 'libs-know-no-process', severity: 'error', from: { path: '^libs/' }, to: { path: '^apps/' } },
    {
      // Without it a new room would pass every wall, for none names it.
      name: 'every-room-has-a-floor',
      severity: 'error',
      from: { path: '^libs/', pathNot: `^libs/(${ROOMS})/` },
      to: {},
    },
    {
      name: 'processes-never-meet',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    { name: 'the-api-sends-nothing', severity: 'error', from: { path: '^apps/api/' }, to: { path: '^libs/send/' } },
    {
      name: 'the-service-runs-without-its-tools',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { path: '^(dev|test|bench)/' },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'nothing-stands-alone',
      severity: 'error',
      from: { orphan: true, path: '^(apps|libs)/', pathNot: '(\\.test\\.ts|/main\\.ts|/console/assets/.*)$' },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
};
