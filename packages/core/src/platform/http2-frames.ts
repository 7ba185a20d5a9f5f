/** What Node keeps private of HTTP/2: see platform/listener-handle.ts. */
import { writeSync } from 'node:fs'
import type { Http2Session } from 'node:http2'

/** The native handle below a session. */
interface NativeStream {
  readonly fd: number
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize?: number
}

/**
 * Writes a frame between those of Node: to the descriptor, when all that Node wrote is out, which is whole frames
 * always. `session.goaway()` will not do for a GOAWAY that is not the last: whatever last stream it names, nghttp2
 * ignores every new one from then on, and a session without streams reads no more, not even the answer to a PING
 * (for this it has nghttp2_submit_shutdown_notice, which Node does not offer). Over TLS there is no such way: 'never'.
 */
export function writeFrame(session: Http2Session, frame: Buffer): 'written' | 'later' | 'never' {
  const handle = (session.socket as unknown as { _handle?: NativeStream | null })._handle
  if (session.encrypted || !handle || !(handle.fd >= 0) || handle.writeQueueSize === undefined) return 'never'
  // The first frame of a server are its settings.
  if (session.pendingSettingsAck || handle.writeQueueSize > 0) return 'later'
  try {
    if (writeSync(handle.fd, frame) < frame.length) session.destroy()
    return 'written'
  } catch {
    // The kernel takes nothing now (EAGAIN), or the peer has gone, as Node will see.
    return 'later'
  }
}
