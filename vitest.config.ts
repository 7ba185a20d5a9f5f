import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'demo/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/interop/**'],
    // Only for what hangs: what a test waits for has a limit of its own.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Each test has real processes under load on the machine's cores: more at once would only test the scheduler.
    maxWorkers: 2,
  },
})
