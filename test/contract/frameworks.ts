/**
 * Every framework that the contract holds for, and the service that is made with it. `reloads`: how many under load;
 * an adapter only translates, and what could fail only now and then is in core.
 */
export const frameworks = [
  { name: 'node:http', fixture: 'http.mjs', reloads: 20 },
  { name: 'Fastify', fixture: 'fastify.mjs', reloads: 8 },
  { name: 'Express', fixture: 'express.mjs', reloads: 8 },
  { name: 'Koa', fixture: 'koa.mjs', reloads: 8 },
] as const
