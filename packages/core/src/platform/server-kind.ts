/**
 * The protocols of a server, and its HTTP/1.1 connections that are at a message boundary. Methods identify servers with
 * TLS: an import of their classes would load TLS and cryptography in every program.
 */
import http from 'node:http'
import type net from 'node:net'
import type tls from 'node:tls'

export const isTls = (server: object): server is tls.Server => 'setSecureContext' in server

/** Node exports no class for HTTP/2 servers. Only they have this method. */
export const isHttp2 = (server: object): boolean => 'updateSettings' in server

const hasHttp1Methods = (server: object): boolean => 'closeIdleConnections' in server

/** An `https.Server` is a `tls.Server` with the methods of an `http.Server`. */
export const isHttps = (server: object): boolean =>
  isTls(server) && hasHttp1Methods(server) && !isHttp2(server)

/** Whether the server speaks any version of HTTP, plain or over TLS. */
export const isHttp = (server: object): boolean => hasHttp1Methods(server) || isHttp2(server)

/** Whether the server speaks plain HTTP/1.1. Only the connections of such servers can move. */
export const isPlainHttp = (server: unknown): server is http.Server => server instanceof http.Server

/**
 * Returns the sockets whose HTTP/1.1 parser is at a message boundary. Node keeps that list private, so this function
 * notes which sockets `closeIdleConnections()` would destroy (test/handover/platform.test.ts). Before Node 26 the list
 * omits connections that have received no byte.
 */
export function atBoundary(server: net.Server, sockets: Iterable<net.Socket>): ReadonlySet<net.Socket> {
  const idle = new Set<net.Socket>()
  const { closeIdleConnections } = server as Partial<http.Server>
  if (!closeIdleConnections) return idle
  const watched = [...sockets].filter((socket) => !Object.hasOwn(socket, 'destroy'))
  function note(this: net.Socket): net.Socket {
    idle.add(this)
    return this
  }
  for (const socket of watched) socket.destroy = note
  try {
    closeIdleConnections.call(server as http.Server)
  } finally {
    for (const socket of watched) Reflect.deleteProperty(socket, 'destroy')
  }
  return idle
}
