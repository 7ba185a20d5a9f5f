/** Node's private data of HTTP/2 sessions: see platform/listener-handle.ts. */
import { writeSync } from 'node:fs'
import type { Http2Session } from 'node:http2'

interface NativeStream {
  readonly fd: number
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize?: number
}

/**
 * Writes a frame between Node's frames: directly to the descriptor, when the kernel has taken all output of Node. Node
 * always writes whole frames. `session.goaway()` does not work here. After it, nghttp2 ignores every new stream, and a
 * session without streams stops reading, so it misses the answer to a PING. Node does not expose
 * nghttp2_submit_shutdown_notice, which would work. Over TLS the result is always 'never'.
 */
export function writeFrame(session: Http2Session, frame: Buffer): 'written' | 'later' | 'never' {
  const handle = (session.socket as unknown as { _handle?: NativeStream | null })._handle
  if (session.encrypted || !handle || !(handle.fd >= 0) || handle.writeQueueSize === undefined) return 'never'
  // The first frame of a server must be its SETTINGS.
  if (session.pendingSettingsAck || handle.writeQueueSize > 0) return 'later'
  try {
    if (writeSync(handle.fd, frame) < frame.length) session.destroy()
    return 'written'
  } catch {
    // The send buffer is full (EAGAIN), or the client has closed the connection, which Node notices by itself.
    return 'later'
  }
}
