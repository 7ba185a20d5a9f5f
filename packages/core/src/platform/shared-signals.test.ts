import { expect, onTestFinished, test, vi } from 'vitest'
import { onSharedSignalAsPid1 } from './shared-signals.js'

/** Records what happens at the signal in a process that takes itself for PID 1. */
function asPid1() {
  const done: unknown[] = []
  const exit = vi.spyOn(process, 'exit').mockImplementation((code) => done.push(`exit ${code}`) as never)
  const off = onSharedSignalAsPid1('SIGUSR2', () => void done.push('kept'))
  onTestFinished(() => {
    off()
    exit.mockRestore()
  })
  return { done, off }
}

test('PID 1 exits as elsewhere at a signal that the program does not observe', () => {
  const { done } = asPid1()
  process.emit('SIGUSR2', 'SIGUSR2')
  expect(done).toEqual(['exit 140'])
})

test('PID 1 keeps a signal that a listener of the program handles, even one for a single signal', () => {
  const { done } = asPid1()
  process.once('SIGUSR2', () => void done.push('program'))
  process.emit('SIGUSR2', 'SIGUSR2')
  expect(done).toEqual(['kept', 'program'])
})

test('does nothing any more after it is turned off', () => {
  const { done, off } = asPid1()
  off()
  process.emit('SIGUSR2', 'SIGUSR2')
  expect(done).toEqual([])
})
