// SPDX-License-Identifier: AGPL-3.0-or-later
/** The status page: right in every state, and nothing that strangers say can break it. */
import { describe, expect, it } from 'vitest'
import type { Health, PublicNeighbour, PublicStatus } from '../../src/contract/contract.ts'
import { english, renderStatusPage } from '../../src/web/web.ts'

const NEIGHBOUR: PublicNeighbour = {
  peerId: '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq',
  name: '',
  interfaceName: 'wlan0',
  rttMs: 2.44,
  lossIn: 0,
  lossOut: 0.034,
  knownForSeconds: 7_200,
  heardSecondsAgo: 1,
  version: '0.1.0',
}

const STATUS: PublicStatus = {
  peerId: '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
  did: 'did:key:z6MkoTHsgNNrby8JzCNQ1iRLyW5QQ6R8Xuu6AA8igGrMVPUM',
  name: '',
  version: '0.1.0',
  city: 'lisbon',
  uptimeSeconds: 93_784,
  health: { status: 'ok', conditions: [] },
  neighbours: [],
  connectedPeersCount: 8,
  otherPeersCount: 7,
  publicItemsCount: 42,
  gatewayPort: 7481,
}

/** Everything that stands between tags, blanks folded. */
function textOf(page: string): string {
  const body = page.slice(page.indexOf('<body>'))
  return body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
}

describe('the status page', () => {
  it('says how the node is, in words', () => {
    const others = { ...NEIGHBOUR, peerId: `${NEIGHBOUR.peerId.slice(0, -1)}r` }
    const text = textOf(renderStatusPage({ ...STATUS, neighbours: [NEIGHBOUR, others] }))
    expect(text).toContain('This node is well. It has 2 neighbours.')
    for (const fact of ['lisbon', '1 d 2 h', '42 public items', '7 connected', '…yKSUKPH5']) {
      expect(text).toContain(fact)
    }
    for (const fact of ['Good', '2.4 ms', 'nothing lost (0 %)', 'a little lost (3.4 %)']) {
      expect(text).toContain(fact)
    }
  })

  it('counts a neighbour on two interfaces once', () => {
    const twice = [NEIGHBOUR, { ...NEIGHBOUR, interfaceName: 'eth0' }]
    expect(textOf(renderStatusPage({ ...STATUS, neighbours: twice }))).toContain('1 neighbour.')
  })

  it('is kind when there is nobody yet', () => {
    const page = renderStatusPage(STATUS)
    expect(textOf(page)).toContain(english.noNeighbours)
    expect(page).not.toContain('<table')
  })

  it('gives each condition with its advice and a word for how grave it is', () => {
    const conditions: Health['conditions'] = [
      { code: 'A', severity: 'error', text: 'The disk broke.', advice: 'Replace it.' },
      { code: 'B', severity: 'warning', text: 'It is hot.', advice: 'Give it shade.' },
    ]
    const health: Health = { status: 'failed', conditions }
    const text = textOf(renderStatusPage({ ...STATUS, health }))
    expect(text).toContain('This node needs help.')
    expect(text).toContain('Needs help The disk broke. What to do: Replace it.')
    expect(text).toContain('Needs a look It is hot. What to do: Give it shade.')
    const degraded: Health = { status: 'degraded', conditions: [] }
    expect(textOf(renderStatusPage({ ...STATUS, health: degraded }))).toContain('needs a look')
  })

  it('says what is not known yet instead of a figure', () => {
    const fresh = { ...NEIGHBOUR, rttMs: null, lossIn: null, lossOut: null, version: null }
    const text = textOf(renderStatusPage({ ...STATUS, neighbours: [fresh] }))
    expect(text).toContain('Measuring')
    expect(text.match(/not known yet/g)).toHaveLength(3)
    expect(text).not.toMatch(/null|NaN|undefined/)
  })

  it('has landmarks, headings, table heads, a language, and renews itself', () => {
    const page = renderStatusPage({ ...STATUS, neighbours: [NEIGHBOUR] })
    for (const part of [
      '<html lang="en">',
      '<main>',
      '<header>',
      '<footer>',
      '<h1',
      'scope="col"',
    ]) {
      expect(page).toContain(part)
    }
    expect(page.match(/<h1/g)).toHaveLength(1)
    expect(page).toContain('http-equiv="refresh" content="10"')
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1])
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, label] of page.matchAll(/aria-labelledby="([^"]+)"/g))
      expect(ids).toContain(label)
  })

  it('needs no script and loads nothing from anywhere', () => {
    const page = renderStatusPage({ ...STATUS, neighbours: [NEIGHBOUR] })
    expect(page).not.toMatch(/<script|javascript:|\son\w+=|@import|url\(/i)
    const addresses = [...page.matchAll(/(?:href|src|action)="([^"]*)"/g)].map((match) => match[1])
    for (const address of addresses) expect(address).toMatch(/^(\/[a-z0-9/]*|data:image\/svg)/)
    expect(page.length).toBeLessThan(32_000)
  })

  it('escapes whatever strangers put into any value', () => {
    const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)>&\`\u202e\x1b[2J`
    const plainPage = renderStatusPage({ ...STATUS, neighbours: [NEIGHBOUR] })
    const condition = { code: evil, severity: 'info', text: evil, advice: evil } as const
    const page = renderStatusPage({
      ...STATUS,
      peerId: evil,
      did: evil,
      version: evil,
      city: evil,
      health: { status: 'ok', conditions: [condition] },
      neighbours: [{ ...NEIGHBOUR, peerId: evil, interfaceName: evil, version: evil }],
    })
    expect(page).not.toMatch(/<script|<img|\u202e|\p{Cc}\[2J/u)
    expect(page).toContain('&lt;script&gt;')
    // No value ever opens a tag or an attribute: only the notes add elements of our own.
    const tags = (text: string) => text.match(/<[a-z]+/g)?.length ?? 0
    const noteTags = 8
    expect(tags(page)).toBe(tags(plainPage) + noteTags)
    expect(page.match(/ title="[^"<>]*"/g)).toHaveLength(2)
  })

  it('cuts what a peer tells at length', () => {
    const talker = { ...NEIGHBOUR, version: 'v'.repeat(5_000) }
    expect(renderStatusPage({ ...STATUS, neighbours: [talker] })).not.toContain('v'.repeat(33))
  })
})

describe('its colours', () => {
  const page = renderStatusPage(STATUS)
  const roots = [...page.matchAll(/:root\{([^}]*)\}/g)].map((match) => tokensOf(match[1] ?? ''))

  it.each([
    ['light', 0],
    ['dark', 1],
  ])('can be read: %s', (_name, index) => {
    const tokens = { ...roots[0], ...roots[index] }
    const pairs = [
      ['ink', 'card'],
      ['ink', 'ground'],
      ['soft', 'card'],
      ['soft', 'ground'],
      ['accent', 'card'],
      ['accent', 'ground'],
      ['accent', 'accent-soft'],
      ['ok', 'ok-ground'],
      ['look', 'look-ground'],
      ['help', 'help-ground'],
      ['ink', 'look-ground'],
      ['ink', 'help-ground'],
      ['on-accent', 'accent'],
    ] as const
    for (const [text, ground] of pairs) {
      const contrast = contrastOf(tokens[text] ?? '', tokens[ground] ?? '')
      expect(contrast, `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5)
    }
  })
})

function tokensOf(css: string): Record<string, string> {
  const found = [...css.matchAll(/--([a-z-]+):(#[0-9a-f]{6});/g)]
  return Object.fromEntries(found.map((match) => [match[1] ?? '', match[2] ?? '']))
}

/** WCAG 2: relative luminance of two colours. */
function contrastOf(first: string, second: string): number {
  const [light = 0, dark = 0] = [luminanceOf(first), luminanceOf(second)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function luminanceOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
