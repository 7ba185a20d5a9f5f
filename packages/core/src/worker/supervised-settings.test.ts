import { expect, test } from 'vitest'
import { defaults } from '../base/settings.js'
import { supervisedSettings } from './supervised-settings.js'

const settings = { ...defaults, pidFile: '/run/app.pid' } as unknown as Parameters<
  typeof supervisedSettings
>[0]

test("only the limits in a supervisor's entry become settings", () => {
  const entry = { pid: 4711, workers: 2, drainTimeoutMs: 7, signals: ['SIGUSR2'], moveConnections: false }
  expect(supervisedSettings(settings, entry)).toEqual({
    ...settings,
    drainTimeoutMs: 7,
    pidFile: undefined,
    control: undefined,
    successor: {},
    exit: true,
  })
})
