// The frameworks of docs/reference/compatibility.md.
import { readFileSync } from 'node:fs'
import { examples } from '../support/examples.js'

export interface Framework {
  readonly name: string
  /** A folder in `examples`. */
  readonly example: string
  /** The command in the README of the example that starts the framework. */
  readonly command: string
  readonly packages: readonly string[]
  /** How to add Handover, in Markdown. */
  readonly line: string
  /** What continues in the successor. */
  readonly moves: string
  /** The request path. Default: `/`. */
  readonly path?: string
  /** The expected body of the response. */
  readonly answer: RegExp
}

const keepAlive = 'keep-alive connections'
const graceful = '`graceful(server)` of `@handover/core`, before `server.listen(…)`'
const register = '--import @handover/core/register'
const who = /^\{"generation":\d+,"pid":\d+\}$/
const pidOnly = /^\{"pid":\d+\}$/

const nest = {
  example: 'nestjs',
  command: 'node --import tsx server.ts',
  line: '`graceful(app.getHttpServer())` of `@handover/core`, before `app.listen(…)`',
  moves: keepAlive,
  answer: who,
}
const hono = {
  example: 'hono',
  packages: ['hono', '@hono/node-server'],
  moves: keepAlive,
}
const next = {
  example: 'nextjs',
  packages: ['next', 'react'],
  moves: keepAlive,
  path: '/who',
  answer: pidOnly,
}

/** Next.js is not a package of the workspace: see `nextjs.test.ts`. */
export const nextjs: readonly Framework[] = [
  {
    ...next,
    name: 'Next.js, custom server',
    command: 'node server.mjs',
    line: `${graceful}; \`handle.onDrained(() => app.close())\``,
  },
  {
    ...next,
    name: 'Next.js, `next start`',
    command: `node ${register} node_modules/next/dist/bin/next start`,
    line: `\`node ${register} node_modules/next/dist/bin/next start\``,
  },
]

export const frameworks: readonly Framework[] = [
  { ...nest, name: 'NestJS on Express', packages: ['@nestjs/core', '@nestjs/platform-express'] },
  {
    ...nest,
    name: 'NestJS on Fastify',
    command: `PLATFORM=fastify ${nest.command}`,
    packages: ['@nestjs/core', '@nestjs/platform-fastify'],
  },
  {
    ...hono,
    name: 'Hono, `createAdaptorServer`',
    command: 'node server.mjs',
    line: graceful,
    answer: who,
  },
  {
    ...hono,
    name: 'Hono, `serve`',
    command: `node ${register} serve.mjs`,
    line: `\`node ${register} server.js\`, because \`serve\` listens at once`,
    answer: pidOnly,
  },
  {
    name: 'GraphQL Yoga',
    example: 'graphql-yoga',
    command: 'node server.mjs',
    packages: ['graphql-yoga', 'graphql'],
    line: graceful,
    moves: keepAlive,
    path: '/graphql?query=%7Bwho%7Bgeneration%20pid%7D%7D',
    answer: /^\{"data":\{"who":\{"generation":\d+,"pid":\d+\}\}\}$/,
  },
  {
    name: 'fastify-cli, `fastify start`',
    example: 'fastify-cli',
    command: 'npx fastify start --log-level info app.mjs',
    packages: ['fastify-cli', 'fastify'],
    line: '`await app.register(graceful)` of `@handover/fastify`, in the application plugin',
    moves: keepAlive,
    answer: who,
  },
]

/** Uses the program of `NestJS on Express`. */
export const gateway: Framework = {
  ...nest,
  name: 'NestJS gateway, `WsAdapter`',
  packages: ['@nestjs/websockets', '@nestjs/platform-ws', 'ws'],
  line: '`gracefulSockets(wss, { serialize, restore })` of `@handover/ws`, in `afterInit(wss)`',
  moves: 'WebSockets and their state',
}

export const socketIoGateway: Framework = {
  ...nest,
  name: 'NestJS gateway, `IoAdapter`',
  command: `SOCKETS=socket.io ${nest.command}`,
  packages: ['@nestjs/websockets', '@nestjs/platform-socket.io', 'socket.io'],
  line: '`graceful(io)` of `@handover/socket.io`, in `afterInit(io)`',
  moves: 'Socket.IO clients on WebSocket, with their ids, rooms and data',
}

/** Uses the program of `GraphQL Yoga`: see `subscriptions.test.ts`. */
const subscriptions: Framework = {
  name: 'GraphQL subscriptions, graphql-ws',
  example: 'graphql-yoga',
  command: 'node server.mjs',
  packages: ['graphql-ws', 'ws'],
  line: '`gracefulSockets(wss, { serialize, restore })` of `@handover/ws`: see [below](#graphql-subscriptions)',
  moves: 'WebSockets and their subscriptions',
  answer: who,
}

/** The rows of the table in docs/reference/compatibility.md, with the installed versions. */
export function rows(): string {
  const all = [...frameworks, gateway, socketIoGateway, subscriptions, ...nextjs].sort((a, b) =>
    a.name.localeCompare(b.name, 'en'),
  )
  const row = ({ name, example, packages, line, moves }: Framework) => {
    const versions = packages.map((each) => `${each} ${versionOf(example, each)}`).join(', ')
    return `| ${name} | ${versions} | ${line} | ${moves} | [${example}](../../examples/${example}) |\n`
  }
  return all.map(row).join('')
}

/** The installed version, or the only one that the example accepts. */
function versionOf(example: string, name: string): string {
  const manifest = (path: string) => JSON.parse(readFileSync(new URL(`${example}/${path}`, examples), 'utf8'))
  const range = manifest('package.json').dependencies[name]
  return /^\d/.test(range) ? range : manifest(`node_modules/${name}/package.json`).version
}
