import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

const unit = ['packages/*/src/**/*.test.ts', 'demo/src/**/*.test.ts', 'test/in-process/**/*.test.ts']
const system = ['test/system/**/*.test.ts']
const interop = ['test/interop/**/*.test.ts', 'test/frameworks/**/*.test.ts']

// The longest files, by measured time: `npm run test:all` runs them too.
const long = [
  'test/bench.test.ts',
  'test/demo.test.ts',
  'test/cli/workers-load.test.ts',
  'test/contract/reload-under-load.test.ts',
  'test/docs/coming-from-pm2.test.ts',
  'test/examples/kubernetes.test.ts',
  'test/handover/descriptor-leak.test.ts',
  'test/handover/localhost.test.ts',
  'test/handover/moving-killed.test.ts',
  'test/handover/moving-load.test.ts',
  'test/handover/older-frameworks.test.ts',
  'test/packages/packages.test.ts',
  'test/socket.io/killed.test.ts',
  'test/socket.io/reload-load.test.ts',
  'test/ws/killed.test.ts',
]

// The files whose result may depend on the version of Node.
const nodes = [
  'test/cli/sharing.test.ts',
  'test/cli/watch-files.test.ts',
  'test/contract/**/*.test.ts',
  'test/socket.io/**/*.test.ts',
  'test/ws/**/*.test.ts',
  ...[
    'cost-*',
    'descriptors-short',
    'drain-limit',
    'fastify-close',
    'http2',
    'late-server',
    'moving*',
    'platform*',
    'private-channel',
    'proxy-protocol',
    'reload-under-load',
    'server-drain',
    'state',
    'streams',
    'tls',
    'unix-path',
  ].map((name) => `test/handover/${name}.test.ts`),
]

// Except these: they are long, and other files show how the version of Node matters to Socket.IO.
const onceOnly = ['test/socket.io/killed.test.ts', 'test/socket.io/reload-load.test.ts']
if (process.env.HANDOVER_TEST_LOADS === 'no') onceOnly.push('test/**/*load.test.ts')

// With HANDOVER_TEST_NODE, `nodes` takes its files from `process` and `long`, so that each file has one project.
const others = process.env.HANDOVER_TEST_NODE ? nodes : []

const cores = availableParallelism()

const project = (name: string, include: string[], exclude: string[] = []) => ({
  name,
  include,
  exclude: [...configDefaults.exclude, '**/dist/**', ...exclude],
})

// These files load the cores by themselves. Vitest runs projects with another number of workers as a group of their own.
const oneFilePerCore = { maxWorkers: cores, sequence: { groupOrder: 1 } }

export default defineConfig({
  test: {
    // These limits only catch tests that hang: each wait inside a test has its own limit.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // One process per file: graceful() has one generation per process.
    pool: 'forks',
    // Most tests wait for processes and timers: two files per core.
    maxWorkers: 2 * cores,
    projects: [
      { extends: true, test: project('unit', unit) },
      {
        extends: true,
        test: project('process', ['test/**/*.test.ts'], [...unit, ...interop, ...system, ...long, ...others]),
      },
      { extends: true, test: { ...project('long', long, others), ...oneFilePerCore } },
      ...(others.length > 0
        ? [{ extends: true as const, test: { ...project('nodes', nodes, onceOnly), ...oneFilePerCore } }]
        : []),
      // Real clients and proxies, installed by tools/debian-packages.sh, current frameworks, and all versions of Node.
      // A file starts several programs under load.
      {
        extends: true,
        test: { ...project('interop', interop), maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
      // Real service managers. They need root and what tools/debian-packages.sh installs: use `npm run test:system`.
      {
        extends: true,
        // The source maps of the package below are incomplete.
        logLevel: 'error',
        test: {
          ...project('system', system),
          maxWorkers: cores,
          sequence: { groupOrder: 3 },
          // Node cannot load its JSON file, which it imports without an attribute.
          server: { deps: { inline: ['@actions/workflow-parser'] } },
        },
      },
    ],
  },
})
