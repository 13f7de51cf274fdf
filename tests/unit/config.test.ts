// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Problem } from '../../src/base/base.ts'
import {
  type Config,
  type ConfigResult,
  formatProblems,
  loadConfig,
  parseConfig,
} from '../../src/node/config.ts'
import { nearestWord } from '../../src/node/config-problems.ts'

function problemsOf(result: ConfigResult): readonly Problem[] {
  return 'problems' in result ? result.problems : []
}

function configOf(result: ConfigResult): Config {
  if ('config' in result) return result.config
  throw new Error(formatProblems(result.problems))
}

function only(text: string): Problem {
  const problems = problemsOf(parseConfig(text))
  expect(problems).toHaveLength(1)
  return problems[0] ?? { path: 'none', message: '' }
}

describe('parseConfig', () => {
  it('gives everything its default', () => {
    const config = configOf(parseConfig(''))
    expect(config.network.port).toBe(7440)
    expect(config.network.relay.reservations_max).toBe(15)
    expect(config.content.port).toBe(7441)
    expect(config.status).toEqual({ port: 7480, address: '::', host_names: [] })
    expect(config.city.id).toBe('home')
  })

  it('takes what is written', () => {
    const text = `
      [city]
      id = "rotterdam.example"
      [network]
      port = 0
      bootstrap = ["/ip6/fd00::1/tcp/7440/p2p/12D3KooWFP6VEX9JDPrSrt5fwSKJGkPrJ8Mao96fZhdwo12EJRUY"]
      dial_ranges = ["10.0.0.0/8", "fd00::/8"]
      [[network.interface]]
      name = "eth0"
      segment = "mesh"
      [network.relay]
      enabled = false`
    const { city, network } = configOf(parseConfig(text))
    expect(city.id).toBe('rotterdam.example')
    expect(network.port).toBe(0)
    expect(network.bootstrap).toHaveLength(1)
    expect(network.interface).toEqual([{ name: 'eth0', segment: 'mesh' }])
    expect(network.relay).toMatchObject({ enabled: false, reservations_max: 15 })
  })

  it('is frozen through and through', () => {
    const config = configOf(parseConfig('[[network.interface]]\nname = "a"\nsegment = "off"'))
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      for (const inner of Object.values(value)) visit(inner)
    }
    visit(config)
  })

  it('reports every problem at once', () => {
    const problems = problemsOf(
      parseConfig(`
        [netwrok]
        port = 1
        [network]
        port = "7440"
        beacon_prot = 3
        connections_max = 1
        bootstrap = ["/ip4/1.2.3.4/tcp/1"]
        [content]
        port = 7480
        address = "localhost"`),
    )
    expect(problems.map(({ path }) => path)).toEqual([
      'network.port',
      'network.bootstrap[0]',
      'network.connections_max',
      'network.beacon_prot',
      'content.address',
      'netwrok',
      'status.port',
    ])
  })

  it.each([
    ['[network]\nprot = 1', 'network.prot', 'Did you mean network.port?'],
    [
      'prot = 1',
      'prot',
      'Did you mean network.port or content.port or status.port or gateway.port?',
    ],
    ['[netwrok]\nport = 1', 'netwrok', 'Did you mean network?'],
    ['[city]\nlevel = "info"', 'city.level', 'Did you mean log.level?'],
    [
      'port = 1',
      'port',
      'Did you mean network.port or content.port or status.port or gateway.port?',
    ],
    [
      '[network.relay]\nduration_s = 1',
      'network.relay.duration_s',
      'Did you mean network.relay.duration_s_max?',
    ],
    ['[log]\nlevel = "warning"', 'log.level', 'Did you mean "warn"?'],
    ['[network]\nport = "7440"', 'network.port', 'Leave out the quotes: 7440'],
    ['[network]\nmdns = "true"', 'network.mdns', 'Leave out the quotes: true'],
    [
      '[[network.interface]]\nname = "a"\nsegment = "wire"\nsegmnt = 1',
      'network.interface[0].segmnt',
      'Did you mean network.interface[0].segment?',
    ],
  ])('suggests what was meant: %j', (text, path, suggestion) => {
    expect(only(text)).toMatchObject({ path, suggestion })
  })

  it.each([
    ['/dns4/node.example/tcp/7440', 'looks no names up: give the IP address'],
    ['/dnsaddr/node.example/tcp/7440', 'looks no names up: give the IP address'],
    ['/ip4/10.0.0.7', 'should be like "/ip4/10.0.0.7/tcp/7440/p2p/'],
    ['/ip4/10.0.0.7/udp/7440/quic-v1', 'should be like "/ip4/10.0.0.7/tcp/7440/p2p/'],
  ])('refuses a bootstrap node that would never be dialled: %s', (address, message) => {
    const peerId = '12D3KooWFP6VEX9JDPrSrt5fwSKJGkPrJ8Mao96fZhdwo12EJRUY'
    const text = `[network]\nbootstrap = ["${address}/p2p/${peerId}"]`
    expect(only(text)).toMatchObject({
      path: 'network.bootstrap[0]',
      message: expect.stringContaining(message),
    })
  })

  it('suggests nothing where nothing is near', () => {
    expect(only('[network]\nquux = 1')).toEqual({
      path: 'network.quux',
      message: 'there is no such setting.',
    })
  })

  it.each([
    ['[network]\nport = 65536', 'network.port', 'should be at most 65535, but is 65536.'],
    ['[network]\nport = -1', 'network.port', 'should be at least 0, but is -1.'],
    ['[network]\nport = 1.5', 'network.port', 'should be a whole number, but is 1.5.'],
    ['[network]\nmdns = 1', 'network.mdns', 'should be true or false, but is 1.'],
    ['network = 1', 'network', 'should be a section, but is 1.'],
    [
      '[network]\ndial_ranges = ["10.0.0.0/33"]',
      'network.dial_ranges[0]',
      /^should be a range like/,
    ],
    [
      '[network]\ndial_ranges = ["fd00::/129"]',
      'network.dial_ranges[0]',
      /^should be a range like/,
    ],
    ['[city]\nid = "Not OK"', 'city.id', /lower-case letters.*but is "Not OK"\.$/],
    ['[[network.interface]]\nsegment = "wire"', 'network.interface[0].name', /^is missing/],
    [
      '[[network.interface]]\nname = "a"\nsegment = "wire"\n[[network.interface]]\nname = "a"\nsegment = "off"',
      'network.interface',
      /^names the same interface twice/,
    ],
  ])('says what is wrong in plain words: %j', (text, path, message) => {
    const problem = only(text)
    expect(problem.path).toBe(path)
    if (typeof message === 'string') expect(problem.message).toBe(message)
    else expect(problem.message).toMatch(message)
  })

  it('shows only the start of a long wrong value', () => {
    expect(only(`[log]\nlevel = "${'x'.repeat(500)}"`).message.length).toBeLessThan(150)
  })

  it('says where a file stops being TOML', () => {
    expect(only('[city]\nid = "home"\n[network\nport = 1').message).toMatch(
      /^Line 3, column \d+ is/,
    )
    expect(only('[city]\nid = "a"\nid = "b"').message).toMatch(/^Line 3/)
  })

  it('notices ports that two would want, unless any will do', () => {
    expect(only('[content]\nport = 7440').path).toBe('content.port')
    expect(only('[network]\nhello_port = 7442').path).toBe('network.hello_port')
    expect(problemsOf(parseConfig('[network]\nport = 0\n[content]\nport = 0'))).toEqual([])
    // TCP and UDP have ports of their own.
    expect(problemsOf(parseConfig('[network]\nport = 7442'))).toEqual([])
  })
})

describe('loadConfig', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'citynode-config-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('takes the defaults where the default file is missing', async () => {
    const result = await loadConfig(join(folder, 'none.toml'), { isRequired: false })
    expect(result).toEqual({ ...parseConfig(''), isPresent: false })
  })

  it('wants the file that was named', async () => {
    const result = await loadConfig(join(folder, 'none.toml'), { isRequired: true })
    expect(formatProblems(problemsOf(result))).toMatch(
      /^There is no configuration file .*none\.toml/,
    )
  })

  it('reads a file', async () => {
    const path = join(folder, 'good.toml')
    await writeFile(path, '[network]\nport = 1234\n')
    const result = await loadConfig(path, { isRequired: true })
    expect(configOf(result).network.port).toBe(1234)
    expect(result).toMatchObject({ isPresent: true })
  })

  it('says what else a path may be, even at the default place', async () => {
    const cases: [string, () => Promise<unknown>, RegExp][] = [
      ['folder', () => mkdir(join(folder, 'folder')), /is a folder/],
      ['binary', () => writeFile(join(folder, 'binary'), Uint8Array.of(0xff, 0xfe)), /UTF-8/],
      ['large', () => writeFile(join(folder, 'large'), '#'.repeat(2 ** 20 + 1)), /too large/],
    ]
    for (const [name, make, message] of cases) {
      await make()
      const result = await loadConfig(join(folder, name), { isRequired: false })
      expect(formatProblems(problemsOf(result))).toMatch(message)
    }
  })
})

describe('formatProblems', () => {
  it('writes a line each', () => {
    const problems = [
      { path: 'network.prot', message: 'there is no such setting.', suggestion: 'Did you …?' },
      { path: '', message: 'Line 1 is not TOML.' },
    ]
    expect(formatProblems(problems)).toBe(
      'network.prot: there is no such setting. Did you …?\nLine 1 is not TOML.',
    )
  })
})

describe('nearestWord', () => {
  it('sees slips, swaps and endings, and leaves strangers alone', () => {
    expect(nearestWord('prot', ['port', 'mdns'])).toBe('port')
    expect(nearestWord('Port', ['port', 'mdns'])).toBe('port')
    expect(nearestWord('connection_max', ['connections_max', 'port'])).toBe('connections_max')
    expect(nearestWord('warning', ['debug', 'warn'])).toBe('warn')
    expect(nearestWord('zebra', ['port', 'mdns', 'beacon'])).toBeUndefined()
    expect(nearestWord('', ['port'])).toBeUndefined()
  })
})
