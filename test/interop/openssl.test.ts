import { join } from 'node:path'
import type { TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { get } from '../support/http.js'
import { Program } from '../support/programs.js'
import { startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

/** Sends one request with `openssl s_client`, stops it after the response and returns its output. */
async function ask(target: TcpTarget, more: readonly string[]): Promise<string> {
  const client = new Program('openssl', ['s_client', '-connect', `127.0.0.1:${target.port}`, ...more])
  client.write(get('/'))
  // TLS 1.3 sends the session ticket after the handshake and before the response.
  await client.printed(/^ok/m)
  await client.kill('SIGTERM')
  return client.output
}

test.each(['-tls1_2', '-tls1_3'])(
  'C42: openssl s_client %s resumes a session from before one and from before two reloads',
  async (version) => {
    const service = await startService('http.mjs', {
      config: { tls: true, graceful: { probationMs: 50 } },
    })
    const target = service.target as TcpTarget
    const session = join(tempDir(), 'session')
    expect(await ask(target, [version, '-sess_out', session])).toMatch(/^New, TLSv1\.[23]/m)
    for (let reload = 1; reload <= 2; reload++) {
      await service.reload()
      expect(await ask(target, [version, '-sess_in', session])).toMatch(/^Reused, TLSv1\.[23]/m)
    }
  },
)
