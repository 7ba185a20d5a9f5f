/** Packets as data that another process can get. */
import type { Packet, SocketIoServer } from './socket-io-internals.js'

/**
 * Encodes and decodes `packet`: the structured clone algorithm would change values with a method `toJSON`, and reject
 * functions.
 */
export function asClientsReceiveIt(io: SocketIoServer, packet: Packet): Packet {
  const decoder = new io._parser.Decoder()
  let decoded = packet
  decoder.on('decoded', (each: Packet) => {
    decoded = each
  })
  for (const part of io.encoder.encode({ ...packet })) decoder.add(part)
  decoder.destroy()
  return decoded
}
