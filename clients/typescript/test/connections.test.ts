/** Connections: what is read and written, and all the ways to a server. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { Redis } from 'ioredis'
import { createSentinel } from 'redis'

import { encode, ReplyError, RespReader } from '../src/connections/resp.js'
import { address } from '../src/connections/url.js'
import { Invalid, Limiter, Unsupported } from '../src/index.js'
import { freePort, startCoordinator, startSentinel, startServer, TOKEN, type Program } from './support/servers.js'

let server: Program
const folder = mkdtempSync(join(tmpdir(), 'redis-rl-connections-'))
before(async () => (server = await startServer({ args: ['--unixsocket', join(folder, 'redis.sock')] })))
after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('replies', () => {
  const text =
    ':1\r\n$5\r\nh\u00e4ll\r\n*2\r\n*0\r\n$-1\r\n%1\r\n+a\r\n:-1\r\n-ERR wrong\r\n_\r\n#t\r\n,1.5\r\n*-1\r\n(12345678901234567890\r\n!9\r\nERR other\r\n=7\r\ntxt:abc\r\n~1\r\n-inner\r\n'
  const whole = [
    1,
    'h\u00e4ll',
    [[], null],
    new Map([['a', -1]]),
    new ReplyError('ERR wrong'),
    null,
    true,
    1.5,
    null,
    '12345678901234567890',
    new ReplyError('ERR other'),
    'txt:abc',
    ['inner']
  ]
  it('are read whatever the chunks are', () => {
    const all = Buffer.from(text)
    for (let size = 1; size <= all.length; size += 1) {
      const reader = new RespReader()
      const replies = []
      for (let at = 0; at < all.length; at += size) replies.push(...reader.push(all.subarray(at, at + size)))
      assert.deepEqual(replies, whole, `chunks of ${size}`)
    }
  })

  it('of something else are an error', () => {
    assert.throws(() => new RespReader().push(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), TypeError)
  })

  it('commands are written with the length of their bytes', () => {
    assert.equal(encode(['RL.PEEK', '\u00e4']).toString(), '*2\r\n$7\r\nRL.PEEK\r\n$2\r\n\u00e4\r\n')
    assert.deepEqual(encode(['A', new Uint8Array([0, 255])]), Buffer.from('*2\r\n$1\r\nA\r\n$2\r\n\x00\xff\r\n', 'latin1'))
  })
})

it('reads addresses', () => {
  const { host, port, username, password, database, tls, protocol } = address('rediss://a%40b:p%3Aw@[::1]:7/3?protocol=3')
  assert.deepEqual([host, port, username, password, database, tls, protocol], ['::1', 7, 'a@b', 'p:w', 3, true, 3])
  assert.deepEqual([address('redis://h').port, address('redis://').host], [6379, 'localhost'])
  for (const wrong of ['h:6379', 'ftp://h', 'redis://h/x', 'redis://:secret@h/x']) {
    assert.throws(() => address(wrong), (error: Error) => error instanceof TypeError && !error.message.includes('secret'))
  }
})

it('asks a server through a Unix socket', async () => {
  await using limiter = new Limiter(`redis+unix://${join(folder, 'redis.sock')}`)
  assert.equal((await limiter.slide('unix', 2, '60s')).remaining, 1)
  assert.equal((await limiter.slide('unix', 2, '60s', { wait: '1s' })).remaining, 0)
})

it('asks a server over TLS, and not one whose certificate it does not trust', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
  const port = await freePort()
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no']
  const secure = await startServer({ args: ['--tls-port', String(port), ...files] })
  await using limiter = new Limiter(`rediss://127.0.0.1:${port}`, { tls: { ca: readFileSync(cert) } })
  assert.equal((await limiter.slide('tls', 2, '60s')).allowed, true)
  await using doubting = new Limiter(`rediss://127.0.0.1:${port}`)
  assert.match((await doubting.slide('tls', 2, '60s')).degraded?.message ?? '', /self.signed/)
  await secure.stop()
})

it('takes keys of bytes, but not over HTTP', async () => {
  await using limiter = new Limiter(server.url)
  const key = new Uint8Array([0, 255, 10, 13])
  await limiter.slide(key, 2, '60s')
  assert.equal((await limiter.slide(key, 2, '60s', { wait: '1s' })).remaining, 0)
  const ioredis = new Redis(server.url)
  assert.equal(((await new Limiter(ioredis).peek(key)) as { remaining: number }).remaining, 0)
  ioredis.disconnect()
  await assert.rejects(new Limiter('http://localhost:1').slide(key, 2, '60s'), Unsupported)
})

it('wrong arguments are an error before anything is sent', async () => {
  await using limiter = new Limiter(server.url)
  await assert.rejects(limiter.slide('k', 2, 'soon' as '1s', { fail: 'open' }), Invalid)
  await assert.rejects(limiter.slide('k', 2, '60' as '1s'), /window must be a duration with a unit/)
  await assert.rejects(limiter.quota('k', 'p', { wait: 30 as unknown as '1s' }), Invalid)
  assert.throws(() => new Limiter(server.url, { timeout: 500 as unknown as '1s' }), Invalid)
  assert.throws(() => new Limiter({} as string), TypeError)
})

it('asks a coordinator with its token, in the URL or as an option', async () => {
  const coordinator = await startCoordinator()
  const url = coordinator.url.replace('//', `//${encodeURIComponent(TOKEN)}@`)
  assert.equal((await new Limiter(url).slide('k', 2, '60s')).allowed, true)
  assert.equal((await new Limiter(coordinator.url, { token: TOKEN }).slide('k', 2, '60s')).allowed, true)
  assert.equal((await new Limiter(coordinator.url).slide('k', 2, '60s')).degraded?.reason, 'noauth')
  await coordinator.stop()
})

it('asks the primary that sentinels name, through both libraries', async () => {
  const sentinel = await startSentinel(server.port)
  const nodeRedis = await createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: sentinel.port }] }).on('error', () => {}).connect()
  const ioredis = new Redis({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'main' })
  for (const [name, client] of Object.entries({ nodeRedis, ioredis })) {
    const limiter = new Limiter(client)
    await limiter.slide(`sentinel:${name}`, 1, '200ms')
    assert.equal((await limiter.slide(`sentinel:${name}`, 1, '200ms', { wait: '20s' })).allowed, true, name)
    await limiter.close()
  }
  await nodeRedis.destroy()
  ioredis.disconnect()
  await sentinel.stop()
})
