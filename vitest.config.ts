import { defineConfig } from 'vitest/config'

// unit: beside the code, no network, no processes. integration: real nats-server, sandboxes and daemons, one file at a
// time because they share the machine's cgroups and ports. cluster: on the composed cluster that npm run test:cluster
// brings up.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // A bound against hanging only: what takes long on a slow machine has not failed.
          testTimeout: 120_000,
          include: [
            'libs/*/src/**/*.test.ts',
            'services/*/src/**/*.test.ts',
            'deploy/*/src/**/*.test.ts',
            'test/*/src/**/*.test.ts',
          ],
          exclude: ['**/*.int.test.ts', '**/*.cluster.test.ts', '**/node_modules/**'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{libs,services,deploy,test}/**/src/**/*.int.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/src/**/*.cluster.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
