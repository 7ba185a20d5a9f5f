import { defineConfig } from 'vitest/config'

// What may differ from one Node to another, to be run with several: HANDOVER_TEST_NODE=<binary> npx vitest run
// --config vitest.nodes.config.ts. `npm test` has these tests, too.
const handover = [
  'descriptors-short',
  'drain-limit',
  'fastify-close',
  'http2',
  'late-server',
  'moving*',
  'platform*',
  'private-channel',
  'reload-under-load',
  'server-drain',
  'state',
  'streams',
  'tls',
  'unix-path',
]

export default defineConfig({
  test: {
    include: [
      'test/contract/**/*.test.ts',
      'test/ws/**/*.test.ts',
      'test/cli/sharing.test.ts',
      ...handover.map((name) => `test/handover/${name}.test.ts`),
    ],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
  },
})
