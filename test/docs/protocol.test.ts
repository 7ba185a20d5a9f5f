import { expect, test } from 'vitest'
import { inheritanceVariable } from '../../packages/core/src/protocol/inheritance.js'
import { wireVersion } from '../../packages/core/src/protocol/version.js'
import { firstListenerFd } from '../../packages/core/src/succession/successor-process.js'
import { codeWords, read, sectionOf, tableBelow } from './pages.js'

const page = 'docs/reference/protocol.md'
const files = ['generation-messages', 'inheritance'].map((name) => `packages/core/src/protocol/${name}.ts`)
const wire = files.map(read).join('\n')

const fieldsIn = (text: string) => [...text.matchAll(/\breadonly (\w+)\??:/g)].map((match) => match[1] ?? '')

/** The source from this declaration to the next. */
function declaration(start: string): string {
  const at = wire.indexOf(start)
  if (at < 0) throw new Error(`${files.join(' and ')} do not contain ${start}`)
  const rest = wire.slice(at + start.length)
  return rest.slice(0, rest.search(/^(\/\*\*|export)/m))
}

/** The messages of a union type with their fields. */
function messagesOf(name: string): Record<string, string[]> {
  const text = declaration(`export type ${name} =`).replace(
    /\| (ConnectionMessage|PeerMessage)/g,
    (_, type) => `| ${declaration(`export interface ${type}`)}`,
  )
  const parts = text.split(/\breadonly type: '/).slice(1)
  return Object.fromEntries(
    parts.map((part) => [
      part.slice(0, part.indexOf("'")),
      [...fieldsIn(part), ...(part.includes('& Receipt') ? receipt : [])],
    ]),
  )
}

const receipt = fieldsIn(declaration('export interface Receipt'))

/** The messages between a worker and its supervisor with their fields. */
function supervisorMessagesOf(name: string): Record<string, string[]> {
  const text = read('packages/core/src/protocol/supervisor-messages.ts')
  const from = text.slice(text.indexOf(`export type ${name} =`))
  const parts = from
    .slice(0, from.search(/\n\n(\/\*\*|type )/))
    .split(/\breadonly type: '/)
    .slice(1)
  const more = {
    Ending: ['drainMs', 'hooksMs'],
    Relay: ['successor'],
    PassedConnection: ['share', 'held', 'betweenRequests', 'number', 'inode'],
    OfShare: ['share'],
    Receipt: receipt,
  }
  return Object.fromEntries(
    parts.map((part) => [
      part.slice(0, part.indexOf("'")),
      [
        ...fieldsIn(part),
        ...Object.entries(more).flatMap(([type, fields]) => (part.includes(`& ${type}`) ? fields : [])),
      ],
    ]),
  )
}

const messagesTold = (heading: string) =>
  Object.fromEntries(
    tableBelow(page, heading).map(([type = '', fields = '']) => [codeWords(type)[0], codeWords(fields)]),
  )

const fieldsTold = (heading: string) => tableBelow(page, heading).flatMap(([field = '']) => codeWords(field))

test('the page names the variable, the version and the first descriptor of the code', () => {
  expect(read(page)).toContain(`\`${inheritanceVariable}\``)
  expect(sectionOf(page, 'Versions')).toContain(`version ${wireVersion}`)
  expect(sectionOf(page, 'Descriptors')).toContain(`| ${firstListenerFd} `)
})

test('the page lists exactly the fields of the inheritance and of its listeners', () => {
  expect(fieldsTold('The variable')).toEqual(fieldsIn(declaration('export interface Inheritance')))
  expect(fieldsTold('A listener')).toEqual(fieldsIn(declaration('export interface ListenerEntry')))
})

test('the page lists exactly the messages between a supervisor and its workers, with their fields', () => {
  expect(messagesTold('From a worker')).toEqual(supervisorMessagesOf('FromWorker'))
  expect(messagesTold('To a worker')).toEqual(supervisorMessagesOf('FromSupervisor'))
})

test('the page lists exactly the messages between two generations, with their fields', () => {
  expect(messagesTold('From the successor')).toEqual(messagesOf('FromSuccessor'))
  expect(messagesTold('From the predecessor')).toEqual(messagesOf('FromPredecessor'))
})
