// The frameworks of docs/reference/compatibility.md.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Framework {
  readonly name: string
  /** A file in `programs`. */
  readonly program: string
  readonly packages: readonly string[]
  /** How to add Handover, in Markdown. */
  readonly line: string
  /** What continues in the successor. */
  readonly moves: string
  /** The request path, and the expected body of the response. */
  readonly path?: string
  readonly answer?: RegExp
  /** Options of Node. */
  readonly execArgv?: readonly string[]
  /** A program of a package in `node_modules` that starts the framework, and its arguments. */
  readonly command?: readonly [file: string, ...args: string[]]
}

const modules = fileURLToPath(new URL('../node_modules', import.meta.url))
export const installedFile = (path: string): string => join(modules, path)

const nest = '`graceful(app.getHttpServer())` of `@handover/core`, before `app.listen(…)`'

export const frameworks: readonly Framework[] = [
  {
    name: 'NestJS on Express',
    program: 'nest-express.mjs',
    packages: ['@nestjs/core', '@nestjs/platform-express'],
    line: nest,
    moves: 'keep-alive connections',
  },
  {
    name: 'NestJS on Fastify',
    program: 'nest-fastify.mjs',
    packages: ['@nestjs/core', '@nestjs/platform-fastify'],
    line: nest,
    moves: 'keep-alive connections',
  },
  {
    name: 'NestJS gateway, `WsAdapter`',
    program: 'nest-gateway.mjs',
    packages: ['@nestjs/websockets', '@nestjs/platform-ws', 'ws'],
    line: '`gracefulSockets(server, { serialize, restore })` of `@handover/ws`, in `afterInit(server)`',
    moves: 'keep-alive connections, WebSockets and their state',
  },
  {
    name: 'Hono, `createAdaptorServer`',
    program: 'hono-adaptor.mjs',
    packages: ['hono', '@hono/node-server'],
    line: '`graceful(server)` of `@handover/core`, before `server.listen(…)`',
    moves: 'keep-alive connections',
  },
  {
    name: 'Hono, `serve`',
    program: 'hono-serve.mjs',
    packages: ['hono', '@hono/node-server'],
    line: '`node --import @handover/core/register server.js`, because `serve` listens at once',
    moves: 'keep-alive connections',
    execArgv: ['--import', '@handover/core/register'],
  },
  {
    name: 'GraphQL Yoga',
    program: 'yoga.mjs',
    packages: ['graphql-yoga', 'graphql'],
    line: '`graceful(server)` of `@handover/core`, before `server.listen(…)`',
    moves: 'keep-alive connections',
    path: '/?query=%7Bhello%7D',
    answer: /^\{"data":\{"hello":"ok"\}\}$/,
  },
  {
    name: 'fastify-cli, `fastify start`',
    program: 'fastify-cli.mjs',
    packages: ['fastify-cli', 'fastify'],
    line: '`await app.register(graceful)` of `@handover/fastify`, in the application plugin',
    moves: 'keep-alive connections',
    command: ['fastify-cli/cli.js', 'start', '--address', '127.0.0.1', '--log-level', 'info'],
  },
]

/** The rows of the table in docs/reference/compatibility.md, with the installed versions. */
export function rows(): string {
  const row = ({ name, packages, line, moves }: Framework) =>
    `| ${name} | ${packages.map((each) => `${each} ${versionOf(each)}`).join(', ')} | ${line} | ${moves} |\n`
  return frameworks.map(row).join('')
}

function versionOf(name: string): string {
  return JSON.parse(readFileSync(installedFile(`${name}/package.json`), 'utf8')).version
}
