import { defineConfig } from 'vitest/config'

// `npm run test:interop`: real clients and proxies, which tools/debian-packages.sh installs.
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Each test has several programs under load on the machine's cores.
    maxWorkers: 1,
  },
})
