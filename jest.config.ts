/** @jest-config-loader esbuild-register */
// How the tests run: TypeScript through swc, each test file with servers of its own (test/support), none shared.
import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/dev', '<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$|/(oauth4webapi|openid-client|jose)/.+\\.js$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
    // The pages of the console.
    '^.+\\.tsx$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: true },
          transform: { react: { runtime: 'automatic', importSource: 'hono/jsx' } },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  // ES modules only, which jest does not load as such.
  transformIgnorePatterns: ['/node_modules/(?!(oauth4webapi|openid-client|jose)/)'],
  setupFilesAfterEnv: ['<rootDir>/test/support/redis/strict-scripts.ts'],
  testTimeout: 120_000,
  maxWorkers: 2,
};

export default config;
