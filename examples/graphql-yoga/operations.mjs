// Executes the operations of graphql-ws as Yoga does, with its plugins.
import { makeServer } from 'graphql-ws'

export function operations(yoga) {
  return makeServer({
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onConnect({ extra: session, connectionParams }) {
      session.pending.add('connection')
      session.params = connectionParams
    },
    onSubscribe({ extra: session }, id, params) {
      session.pending.add(id)
      return prepare(yoga, session.request, params)
    },
    onOperation: ({ extra: session }, id, params, _args, result) => session.executed(id, params, result),
    onComplete({ extra: session, subscriptions }, id) {
      if (!(id in subscriptions)) session.finished(id) // The client has completed it.
    },
  })
}

async function prepare(yoga, request, params) {
  const enveloped = yoga.getEnveloped({ req: request, params })
  const { schema, execute, subscribe, contextFactory, parse, validate } = enveloped
  const document = parse(params.query)
  const errors = validate(schema, document)
  if (errors.length > 0) return errors
  return {
    schema,
    document,
    operationName: params.operationName,
    variableValues: params.variables,
    contextValue: await contextFactory(),
    rootValue: { execute, subscribe },
  }
}
