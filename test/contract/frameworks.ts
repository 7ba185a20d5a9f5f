/** Every framework that the contract covers, with its fixture. */
export const frameworks = [
  { name: 'node:http', fixture: 'http.mjs' },
  { name: 'Fastify', fixture: 'fastify.mjs' },
  { name: 'Express', fixture: 'express.mjs' },
  { name: 'Koa', fixture: 'koa.mjs' },
] as const
