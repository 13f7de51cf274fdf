// SPDX-License-Identifier: AGPL-3.0-or-later
/** The reader of HTTP responses against good peers, bad peers and chance, cut in every place. */
import { describe, expect, it } from 'vitest'
import { BugError, randomBelow, SeededRandom } from '../../src/base/base.ts'
import { RESPONSE_HEADERS_MAX } from '../../src/net/https/limits.ts'
import { encodeRequestHead } from '../../src/net/https/request-head.ts'
import type { RequestMethod } from '../../src/net/https/response-head.ts'
import { ResponseReader } from '../../src/net/https/response-reader.ts'
import { peerNumber } from './net-support.ts'

const HEAD_BYTES_MAX = 2048

/** All that is to be known about one reading. */
interface Outcome {
  status: number | undefined
  headers: Record<string, string>
  isKeptOpen: boolean | undefined
  body: string
  isWhole: boolean
  problem: string | undefined
  /** Bytes that came after the end. */
  surplusBytes: number
}

/** Reads `text` in pieces that end at `cuts`; a sink that waits is asked again at once. */
function read(
  text: string,
  { cuts = [], method = 'GET' }: { cuts?: readonly number[]; method?: RequestMethod } = {},
): Outcome {
  const outcome: Outcome = {
    status: undefined,
    headers: {},
    isKeptOpen: undefined,
    body: '',
    isWhole: false,
    problem: undefined,
    surplusBytes: 0,
  }
  let turn = 0
  const reader = new ResponseReader(method, HEAD_BYTES_MAX, {
    head: (head) => {
      expect(outcome.status).toBeUndefined()
      outcome.status = head.status
      outcome.headers = Object.fromEntries(head.headers)
      outcome.isKeptOpen = head.isKeptOpen
      return false
    },
    piece: (bytes) => {
      expect(bytes.length).toBeGreaterThan(0)
      outcome.body += Buffer.from(bytes).toString('latin1')
      turn += 1
      return turn % 2 === 0
    },
  })
  const bytes = Buffer.from(text, 'latin1')
  const ends = [...cuts, bytes.length]
  let start = 0
  for (const end of ends) {
    let piece = bytes.subarray(start, end)
    while (piece.length > 0 && !reader.isWhole && reader.problem === undefined) {
      piece = piece.subarray(reader.push(piece))
    }
    if (reader.isWhole) outcome.surplusBytes += piece.length
    start = end
  }
  return { ...outcome, isWhole: reader.isWhole, problem: reader.problem }
}

const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b\t\r\n\r\nhello'
const CHUNKED =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n, everyone\r\n0\r\n\r\n'

describe('a response', () => {
  it('is read with its length', () => {
    expect(read(SIZED)).toEqual({
      status: 200,
      headers: { 'content-length': '5', 'x-a': 'b' },
      isKeptOpen: true,
      body: 'hello',
      isWhole: true,
      problem: undefined,
      surplusBytes: 0,
    })
  })

  it('is read in chunks', () => {
    expect(read(CHUNKED)).toMatchObject({ body: 'hello, everyone', isWhole: true })
  })

  it('is the same however it is cut', () => {
    for (const text of [SIZED, CHUNKED, `${CHUNKED}more`, `${SIZED}HTTP/1.1 200 OK\r\n\r\n`]) {
      const whole = read(text)
      for (let first = 0; first <= text.length; first++) {
        expect(read(text, { cuts: [first] }), `cut at ${first}`).toEqual(whole)
        for (let second = first; second <= text.length; second++) {
          expect(read(text, { cuts: [first, second] })).toEqual(whole)
        }
      }
      expect(read(text, { cuts: [...text].map((_char, index) => index) })).toEqual(whole)
    }
  })

  it('comes out as slices of what was pushed, not as copies', () => {
    const bytes = Buffer.from(CHUNKED)
    const pieces: Uint8Array[] = []
    const piece = (slice: Uint8Array): boolean => pieces.push(slice) > 0
    new ResponseReader('GET', HEAD_BYTES_MAX, { head: () => true, piece }).push(bytes)
    expect(pieces.map((slice) => slice.buffer)).toEqual([bytes.buffer, bytes.buffer])
    expect(Buffer.concat(pieces).toString()).toBe('hello, everyone')
  })

  it('is not whole before its last byte', () => {
    for (const text of [SIZED, CHUNKED]) {
      for (let length = 0; length < text.length; length++) {
        expect(read(text.slice(0, length))).toMatchObject({ isWhole: false, problem: undefined })
      }
    }
  })

  it('ends where it says: what follows is not of it', () => {
    expect(read(`${SIZED}HTTP/1.1 200 OK`)).toMatchObject({ body: 'hello', surplusBytes: 15 })
    expect(read(`${CHUNKED}0\r\n\r\n`)).toMatchObject({ body: 'hello, everyone', surplusBytes: 5 })
  })

  it.each<[string, RequestMethod, string]>([
    ['to HEAD, with the length of what GET would give', 'HEAD', SIZED.slice(0, -5)],
    ['to HEAD, with chunks announced', 'HEAD', `${CHUNKED.split('\r\n\r\n')[0]}\r\n\r\n`],
    ['to HEAD, without a length', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['304, with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n'],
    ['of length 0', 'GET', 'HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n'],
    ['without any chunk', 'GET', 'HTTP/1.1 200 \r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n'],
  ])('has no body: %s', (_name, method, text) => {
    expect(read(text, { method })).toMatchObject({ isWhole: true, body: '', surplusBytes: 0 })
    expect(read(`${text}x`, { method })).toMatchObject({ isWhole: true, surplusBytes: 1 })
  })

  it.each([
    ['close', false],
    ['Close', false],
    ['keep-alive, close', false],
    ['close,keep-alive', false],
    ['keep-alive', true],
    ['closed', true],
  ])('with `connection: %s` keeps the connection: %s', (value, isKeptOpen) => {
    const text = `HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: ${value}\r\n\r\n`
    expect(read(text)).toMatchObject({ isWhole: true, isKeptOpen })
  })

  it('joins a header that came twice, and takes any name as a name', () => {
    const lines = 'a: 1\r\nA: 2\r\n__proto__: x\r\nconstructor: y\r\nempty:\r\nlatin: \xe9'
    const { headers } = read(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${lines}\r\n\r\n`)
    expect(Object.entries(headers)).toEqual([
      ['content-length', '0'],
      ['a', '1, 2'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['empty', ''],
      ['latin', '\xe9'],
    ])
  })
})

/** A response with this head; a body of five bytes would fit most of them. */
const headed = (lines: string): string => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\nhello`
const chunked = (rest: string): string =>
  `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${rest}`

describe('refused is', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['lower case', 'http/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['a line before the status', '\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['a space before the status', ' HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['no space after the status', 'HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['status 600', 'HTTP/1.1 600 OK\r\ncontent-length: 5\r\n\r\nhello'],
    ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\ncontent-length: 5\r\n\r\nhello'],
    ['100 Continue', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['101 Switching Protocols', 'HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['103 Early Hints', 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'],
    ['no length', headed('x: y')],
    ['two equal lengths', headed('content-length: 5\r\ncontent-length: 5')],
    ['two lengths', headed('content-length: 5\r\ncontent-length: 6')],
    ['a list of lengths', headed('content-length: 5, 5')],
    ['a negative length', headed('content-length: -5')],
    ['a signed length', headed('content-length: +5')],
    ['a padded length', headed('content-length: 05')],
    ['a length in hex', headed('content-length: 0x5')],
    ['a length with an exponent', headed('content-length: 5e0')],
    ['a length with a fraction', headed('content-length: 5.0')],
    ['an empty length', headed('content-length:')],
    ['a length beyond doubles', headed('content-length: 99999999999999999999')],
    ['a length followed by a hard space', headed('content-length: 5\xa0')],
    ['length and chunks', headed('content-length: 5\r\ntransfer-encoding: chunked')],
    ['chunks and length', headed('transfer-encoding: chunked\r\ncontent-length: 5')],
    ['gzip', headed('transfer-encoding: gzip')],
    ['gzip in chunks', headed('transfer-encoding: gzip, chunked')],
    ['chunks twice', headed('transfer-encoding: chunked\r\ntransfer-encoding: chunked')],
    ['chunks not last', headed('transfer-encoding: chunked, identity')],
    ['identity', headed('transfer-encoding: identity')],
    ['chunks behind a vertical tab', headed('transfer-encoding: \x0bchunked')],
    ['an empty transfer coding', headed('transfer-encoding:\r\ncontent-length: 5')],
    ['a folded line', headed('content-length: 5\r\n folded: x')],
    ['a folded line with a tab', headed('content-length: 5\r\n\tfolded')],
    ['a space before the colon', headed('content-length : 5')],
    ['a space before the name', headed(' content-length: 5')],
    ['no name', headed('content-length: 5\r\n: x')],
    ['no colon', headed('content-length: 5\r\nx')],
    ['NUL in a name', headed('content-length: 5\r\nx\0: y')],
    ['NUL in a value', headed('content-length: 5\r\nx: \0')],
    ['DEL in a value', headed('content-length: 5\r\nx: \x7f')],
    ['a name beyond ASCII', headed('content-length: 5\r\nx\xe9: y')],
    ['CR alone', headed('content-length: 5\r\nx: y\rz: w')],
    ['LF alone', headed('content-length: 5\nx: y')],
    ['LF alone at the end', 'HTTP/1.1 200 OK\r\ncontent-length: 5\n\nhello'],
    ['LF after CR CR', headed('content-length: 5\r\r\nx: y')],
    ['204 with a length', 'HTTP/1.1 204 x\r\ncontent-length: 0\r\n\r\n'],
    ['204 with chunks', 'HTTP/1.1 204 x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a chunk with an extension', chunked('5;a=b\r\nhello\r\n0\r\n\r\n')],
    ['a last chunk with an extension', chunked('5\r\nhello\r\n0;a\r\n\r\n')],
    ['a space after a chunk size', chunked('5 \r\nhello\r\n0\r\n\r\n')],
    ['a space before a chunk size', chunked(' 5\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size with a sign', chunked('+5\r\nhello\r\n0\r\n\r\n')],
    ['a negative chunk size', chunked('-5\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size with 0x', chunked('0x5\r\nhello\r\n0\r\n\r\n')],
    ['a padded chunk size', chunked('05\r\nhello\r\n0\r\n\r\n')],
    ['a padded last chunk', chunked('00\r\n\r\n')],
    ['no chunk size', chunked('\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size that is no number', chunked('g\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size without end', chunked('fffffffff')],
    ['LF alone after a chunk size', chunked('5\nhello\r\n0\r\n\r\n')],
    ['CR alone after a chunk size', chunked('5\rhello\r\n0\r\n\r\n')],
    ['a chunk longer than it says', chunked('5\r\nhello!\r\n0\r\n\r\n')],
    ['a chunk shorter than it says', chunked('5\r\nhell\r\n0\r\n\r\n')],
    ['LF alone after a chunk', chunked('5\r\nhello\n0\r\n\r\n')],
    ['a trailer', chunked('5\r\nhello\r\n0\r\nx: y\r\n\r\n')],
    ['LF alone at the very end', chunked('5\r\nhello\r\n0\r\n\n')],
  ])('%s', (_name, text) => {
    const whole = read(text)
    expect(whole.problem).toMatch(/\w/)
    expect(whole.isWhole).toBe(false)
    // And no cut makes it any better.
    for (let cut = 0; cut <= text.length; cut++) expect(read(text, { cuts: [cut] })).toEqual(whole)
  })

  it('a head that is longer than the limit, also one that never ends', () => {
    const filler = (bytes: number): string => `x: ${'y'.repeat(bytes - 'x: \r\n'.length)}\r\n`
    const start = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n'
    const rest = HEAD_BYTES_MAX - start.length - '\r\n'.length
    expect(read(`${start}${filler(rest)}\r\n`)).toMatchObject({ isWhole: true })
    expect(read(`${start}${filler(rest + 1)}\r\n`).problem).toContain('too long')
    expect(read('H'.repeat(10 * HEAD_BYTES_MAX)).problem).toContain('too long')
  })

  it('a crowd of headers', () => {
    const many = (count: number): string =>
      headed(['content-length: 5', ...Array<string>(count - 1).fill('a:')].join('\r\n'))
    expect(read(many(RESPONSE_HEADERS_MAX))).toMatchObject({ isWhole: true })
    expect(read(many(RESPONSE_HEADERS_MAX + 1)).problem).toContain('too many')
  })

  it('judged in linear time', () => {
    const blanks = `HTTP/1.1 200 OK\r\nx: ${' \t'.repeat(900)}\0\r\n\r\n`
    const reader = new ResponseReader('GET', 1 << 20, { head: () => true, piece: () => true })
    reader.push(Buffer.from(blanks.replace(' \t', ' \t'.repeat(200_000)), 'latin1'))
    expect(reader.problem).toContain('malformed')
  })
})

describe('by chance', () => {
  const SEEDS = Array.from({ length: 300 }, (_value, index) => index + 1)

  /** Somewhere between none and all, in order. */
  function cutsOf(random: SeededRandom, length: number): number[] {
    const count = randomBelow(random, 6)
    const cuts = Array.from({ length: count }, () => randomBelow(random, length + 1))
    return cuts.sort((one, other) => one - other)
  }

  it.each(SEEDS)('what was sent is what is read, seed %i', (seed) => {
    const random = new SeededRandom(seed)
    const pieces = Array.from({ length: 1 + randomBelow(random, 8) }, () =>
      Buffer.from(random.bytes(1 + randomBelow(random, 300))).toString('latin1'),
    )
    const body = pieces.join('')
    const size = (piece: string): string => piece.length.toString(16)
    const chunks = pieces.map((piece) => `${size(piece)}\r\n${piece}\r\n`).join('')
    for (const text of [
      `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      chunked(`${chunks}0\r\n\r\n`),
    ]) {
      const outcome = read(text, { cuts: cutsOf(random, text.length) })
      expect(outcome).toMatchObject({ body, isWhole: true, surplusBytes: 0 })
    }
  })

  it.each(SEEDS)('bent responses end in some way, and in the same however cut, seed %i', (seed) => {
    const random = new SeededRandom(seed)
    const bytes = Buffer.from(seed % 2 === 0 ? SIZED : `${CHUNKED}${SIZED}`, 'latin1')
    const wild = '\r\n\0 ;:,0123456789abcdefxHTTP/-+\xff'
    for (let count = 1 + randomBelow(random, 4); count > 0; count--) {
      const at = randomBelow(random, bytes.length)
      bytes[at] = wild.charCodeAt(randomBelow(random, wild.length))
    }
    const text = bytes.toString('latin1')
    const whole = read(text)
    expect(read(text, { cuts: cutsOf(random, text.length) })).toEqual(whole)
    expect(whole.isWhole && whole.problem !== undefined).toBe(false)
    if (whole.isWhole) expect(whole.status).toBeDefined()
  })
})

describe('a request', () => {
  const target = { peerId: peerNumber(1), host: 'fe80::1%eth0', port: 7441 }

  it('is its head, without the zone of the address', () => {
    const head = encodeRequestHead(target, {
      method: 'GET',
      path: '/ipfs/x?format=car',
      headers: { accept: 'a/b; c=d' },
    })
    expect(Buffer.from(head).toString()).toBe(
      'GET /ipfs/x?format=car HTTP/1.1\r\nhost: [fe80::1]:7441\r\naccept: a/b; c=d\r\n\r\n',
    )
  })

  it.each([
    ['a path with a space', '/a b', {}],
    ['a path with a line break', '/a\r\nx: y', {}],
    ['a path without a slash', 'a', {}],
    ['a value with a line break', '/', { accept: 'x\r\ny: z' }],
    ['a name with a colon', '/', { 'a:': 'b' }],
  ])('is never %s', (_name, path, headers) => {
    const make = (): Uint8Array => encodeRequestHead(target, { method: 'GET', path, headers })
    expect(make).toThrow(BugError)
  })
})
