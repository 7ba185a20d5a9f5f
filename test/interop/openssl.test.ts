import { join } from 'node:path'
import type { TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { get } from '../support/http.js'
import { Program } from '../support/programs.js'
import { startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

/** One request by `openssl s_client`, which ends when it has the answer; what it printed. */
async function ask(target: TcpTarget, more: readonly string[]): Promise<string> {
  const client = new Program('openssl', ['s_client', '-connect', `127.0.0.1:${target.port}`, ...more])
  client.write(get('/'))
  // The session ticket of TLS 1.3 comes behind the handshake; the answer comes behind the ticket.
  await client.printed(/^ok/m)
  await client.kill('SIGTERM')
  return client.output
}

test.each(['-tls1_2', '-tls1_3'])(
  'C42: openssl s_client %s resumes a session from before a reload, and before the next',
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
