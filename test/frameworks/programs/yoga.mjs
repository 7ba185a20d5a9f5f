import http from 'node:http'
import { graceful } from '@handover/core'
import { createSchema, createYoga } from 'graphql-yoga'
import { options, sign, tellPort } from './shared.mjs'

const yoga = createYoga({
  schema: createSchema({
    typeDefs: 'type Query { hello: String }',
    resolvers: { Query: { hello: () => 'ok' } },
  }),
  graphqlEndpoint: '/',
  logging: false,
})
const server = http.createServer((request, response) => {
  sign(response, handle)
  return yoga(request, response)
})
const handle = graceful(server, options)
server.listen(0, '127.0.0.1', () => tellPort(server))
