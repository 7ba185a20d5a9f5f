// Keep-alive proxies in front of a service. None of them retries a request: a retry would hide a failure.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '@handover/load'
import { cert, key } from '../fixtures/tls.mjs'
import { freePort } from './free-port.js'
import { Program } from './programs.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

export interface RunningProxy {
  readonly target: Target
  /** Every error or unexpected status that the proxy logged. */
  complaints(): readonly string[]
}

export type StartProxy = (port: number) => Promise<RunningProxy>

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').filter(Boolean)

export const startNginx: StartProxy = async (port) => {
  const folder = tempDir()
  const [socket, errors, access] = ['socket', 'error.log', 'access.log'].map((name) => join(folder, name))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${errors} warn;
    events { worker_connections 256; }
    http {
      ${temporary.join(' ')}
      log_format told '$status $upstream_status';
      access_log ${access} told;
      upstream service { server 127.0.0.1:${port} max_fails=0; keepalive 64; keepalive_requests 1000000; }
      server {
        listen unix:${socket};
        keepalive_requests 1000000;
        location / {
          proxy_pass http://service;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_next_upstream off;
        }
      }
    }`,
  )
  new Program('nginx', ['-p', folder, '-e', `${errors}`, '-c', join(folder, 'nginx.conf')])
  await until('nginx listens', () => existsSync(`${socket}`))
  return {
    target: { path: `${socket}` },
    complaints: () => [...linesOf(`${errors}`), ...linesOf(`${access}`).filter((line) => line !== '200 200')],
  }
}

/** nginx that terminates TLS in front of a Socket.IO server, with the location of docs/guides/socket-io.md. */
export async function startTlsNginx(port: number, location: string): Promise<number> {
  const folder = tempDir()
  const tlsPort = await freePort()
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')} warn;
    events { worker_connections 256; }
    http {
      ${temporary.join(' ')}
      access_log off;
      server {
        listen 127.0.0.1:${tlsPort} ssl;
        ssl_certificate ${join(folder, 'cert.pem')};
        ssl_certificate_key ${join(folder, 'key.pem')};
        ${location.replace('127.0.0.1:3000', `127.0.0.1:${port}`)}
      }
    }`,
  )
  new Program('nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')])
  await until('nginx listens', () => existsSync(join(folder, 'pid')))
  return tlsPort
}

/** `protocol` is the one between the proxy and the service: `h1` or `h2`. */
export const startHaproxy =
  (protocol: 'h1' | 'h2'): StartProxy =>
  async (port) => {
    const folder = tempDir()
    const [socket, config] = ['socket', 'haproxy.cfg'].map((name) => join(folder, name))
    writeFileSync(
      `${config}`,
      `global
        nbthread 1
        log stdout format raw local0
      defaults
        mode http
        log global
        log-format "told %ST %ts"
        retries 0
        timeout connect 10s
        timeout client 60s
        timeout server 60s
        http-reuse always
      frontend all
        bind unix@${socket}
        default_backend service
      backend service
        server one 127.0.0.1:${port} proto ${protocol} pool-purge-delay 1h pool-low-conn 64
`,
    )
    const haproxy = new Program('haproxy', ['-db', '-f', `${config}`])
    await until('HAProxy listens', () => existsSync(`${socket}`))
    const told = () => haproxy.output.split('\n').filter((line) => line.startsWith('told '))
    return {
      target: { path: `${socket}` },
      complaints: () => told().filter((line) => line !== 'told 200 --'),
    }
  }
