// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who may come in, as a table: names, origins and what a browser says about its request. */
import { describe, expect, it } from 'vitest'
import { type CallerFacts, judgeCaller, type Surface } from '../../src/api/doorman.ts'

const OWN = {
  hostName: 'Attic-Box.lan',
  configured: ['node.example', '203.0.113.9', '2001:db8::9'],
}

const CALLER: CallerFacts = {
  target: '/',
  hosts: ['192.168.1.5:7480'],
  localAddress: '192.168.1.5',
  origin: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  fetchDest: undefined,
  upgrade: undefined,
  serviceWorker: undefined,
}

function judge(surface: Surface, changes: Partial<CallerFacts>): string {
  const judgement = judgeCaller({ ...CALLER, ...changes }, surface, OWN)
  return judgement.allowed ? 'in' : judgement.reason
}

function site(fetchSite: string, fetchMode: string, fetchDest: string): Partial<CallerFacts> {
  return { fetchSite, fetchMode, fetchDest }
}

const ITSELF: [string, string][] = [
  ['192.168.1.5', '192.168.1.5'],
  ['192.168.1.5:80', '::ffff:192.168.1.5'],
  ['[fe80::1]:7480', 'fe80::1%eth0'],
  ['[FE80:0:0::0001]', 'fe80::1'],
  ['[::1]:7480', '::1'],
  ['localhost:7480', '127.0.0.1'],
  ['LOCALHOST', '127.0.0.1'],
  ['attic-box:7480', '192.168.1.5'],
  ['Attic-Box.local', '192.168.1.5'],
  ['attic-box.local.', '192.168.1.5'],
  ['node.example:8080', '192.168.1.5'],
  ['203.0.113.9', '192.168.1.5'],
  ['[2001:db8::9]:7480', '192.168.1.5'],
]

const OTHERS: [string, string][] = [
  ['evil.example', '192.168.1.5'],
  ['evil.example:7480', '127.0.0.1'],
  ['localhost.evil.example', '127.0.0.1'],
  ['attic-box.evil.example', '192.168.1.5'],
  ['attic-box.local.evil.example', '192.168.1.5'],
  ['192.168.1.6', '192.168.1.5'],
  ['0.0.0.0:7480', '127.0.0.1'],
  ['[::]:7480', '::1'],
  ['[fe80::2]', 'fe80::1%eth0'],
  ['192.168.1.5.evil.example', '192.168.1.5'],
  ['2130706433', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
]

const NONSENSE: string[][] = [
  [],
  [''],
  ['192.168.1.5', '192.168.1.5'],
  ['192.168.1.5', 'evil.example'],
  ['192.168.1.5:99999999'],
  ['user@192.168.1.5'],
  ['192.168.1.5/evil.example'],
  ['fe80::1'],
  ['[192.168.1.5]'],
  ['localhost, evil.example'],
]

describe('by which name', () => {
  it.each(ITSELF)('%s at %s is this machine', (host, localAddress) => {
    for (const surface of ['page', 'data', 'item'] as const) {
      expect(judge(surface, { hosts: [host], localAddress })).toBe('in')
    }
  })

  it.each(OTHERS)('%s at %s is not', (host, localAddress) => {
    for (const surface of ['page', 'data', 'item'] as const) {
      expect(judge(surface, { hosts: [host], localAddress })).toBe('host')
    }
  })

  it.each(NONSENSE.map((hosts) => [hosts]))('%j says nothing clear', (hosts) => {
    expect(judge('item', { hosts })).toBe('bad-host')
  })

  it('does not take a whole URL as the target', () => {
    expect(judge('data', { target: 'http://evil.example/health' })).toBe('bad-host')
    expect(judge('data', { target: '*' })).toBe('bad-host')
  })
})

const SITES: [Surface, string, string, string, 'in' | 'cross-site'][] = [
  ['page', 'none', 'navigate', 'document', 'in'],
  ['page', 'cross-site', 'navigate', 'document', 'in'],
  ['page', 'same-site', 'navigate', 'document', 'in'],
  ['page', 'cross-site', 'navigate', 'iframe', 'cross-site'],
  ['page', 'cross-site', 'no-cors', 'image', 'cross-site'],
  ['page', 'same-site', 'cors', 'empty', 'cross-site'],
  ['data', 'none', 'navigate', 'document', 'in'],
  ['data', 'same-origin', 'cors', 'empty', 'in'],
  ['data', 'same-origin', 'navigate', 'document', 'in'],
  ['data', 'cross-site', 'navigate', 'document', 'cross-site'],
  ['data', 'cross-site', 'cors', 'empty', 'cross-site'],
  ['data', 'cross-site', 'no-cors', 'image', 'cross-site'],
  ['data', 'same-site', 'cors', 'empty', 'cross-site'],
  ['data', 'something new', 'cors', 'empty', 'cross-site'],
  ['item', 'cross-site', 'navigate', 'document', 'in'],
  ['item', 'cross-site', 'no-cors', 'image', 'in'],
  ['item', 'cross-site', 'no-cors', 'style', 'in'],
  ['item', 'cross-site', 'cors', 'font', 'in'],
  ['item', 'cross-site', 'no-cors', 'video', 'in'],
  ['item', 'same-site', 'no-cors', 'image', 'in'],
  ['item', 'cross-site', 'no-cors', 'script', 'cross-site'],
  ['item', 'cross-site', 'cors', 'empty', 'cross-site'],
  ['item', 'cross-site', 'navigate', 'iframe', 'cross-site'],
  ['item', 'cross-site', 'navigate', 'object', 'cross-site'],
  ['item', 'cross-site', 'no-cors', '', 'cross-site'],
]

describe('what a browser says', () => {
  it.each(SITES)('%s, %s %s %s: %s', (...row) => {
    const [surface, fetchSite, mode, dest, expected] = row
    expect(judge(surface, site(fetchSite, mode, dest))).toBe(expected)
  })

  it.each<[Surface, string, string]>([
    ['data', 'http://192.168.1.5:7480', 'in'],
    ['data', 'https://192.168.1.5:7480', 'in'],
    ['data', 'http://192.168.1.5:7481', 'cross-site'],
    ['data', 'http://evil.example', 'cross-site'],
    ['data', 'null', 'cross-site'],
    ['data', 'nonsense', 'cross-site'],
    ['page', 'null', 'cross-site'],
    ['item', 'http://192.168.1.5:7480', 'in'],
    ['item', 'http://evil.example', 'cross-site'],
    // The fonts of a sandboxed item.
    ['item', 'null', 'in'],
  ])('%s from the origin %s: %s', (surface, origin, expected) => {
    expect(judge(surface, { origin })).toBe(expected)
  })

  it('lets nobody be a service worker or a WebSocket', () => {
    for (const surface of ['page', 'data', 'item', 'control'] as const) {
      expect(judge(surface, { serviceWorker: 'script' })).toBe('service-worker')
      expect(judge(surface, { fetchDest: 'serviceworker' })).toBe('service-worker')
      expect(judge(surface, { upgrade: 'WebSocket' })).toBe('websocket')
      expect(judge(surface, { upgrade: 'h2c, websocket' })).toBe('websocket')
      expect(judge(surface, { upgrade: 'h2c' })).toBe('in')
    }
  })

  it('lets no browser near the control socket, and any tool by any name', () => {
    expect(judge('control', { hosts: ['whatever'], localAddress: undefined })).toBe('in')
    expect(judge('control', { origin: 'http://localhost' })).toBe('cross-site')
    expect(judge('control', { fetchSite: 'same-origin' })).toBe('cross-site')
  })
})
