import { expect, test } from 'vitest'
import { endsContainer } from './container.js'

const inits: Record<number, string> = { 1: 'docker-init' }

test.each([
  ['PID 1', 1, 0, {}, 'this process is PID 1'],
  ['a process whose parent is in another PID namespace', 7, 0, {}, /main process of a container/],
  ['the child of an init that exits with it', 7, 1, inits, 'docker-init exits with this process'],
])('%s ends its container', (_, pid, ppid, names: Record<number, string>, why) => {
  expect(endsContainer(pid, ppid, (pid) => names[pid] ?? '')).toMatch(why)
})

test.each([
  ['a service of systemd', 700, 1, { 1: 'systemd' }],
  ['a worker of PID 1', 12, 1, { 1: 'handover run --' }],
  ['a child of another process', 12, 7, inits],
])('%s does not end a container', (_, pid, ppid, names: Record<number, string>) => {
  expect(endsContainer(pid, ppid, (pid) => names[pid] ?? '')).toBeUndefined()
})
