// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Under which keys a CID, a path or a name is looked up. Every rule is kept as a double hash: the
 * double-hashed rules of a list because nobody may know more of them, the plain ones because then
 * there is one table and one question, and no node holds a readable list of bad things.
 */
import { hash } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import { base16, base16upper } from 'multiformats/bases/base16'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base36, base36upper } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64, base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { RULE_CID_LENGTH_MAX } from './limits.ts'

/** 96 bits tell rules apart; whoever makes two alike has only more of his own refused. */
export const KEY_BYTES = 12

export const SHA2_256 = 0x12

/** Multihash functions that a list may use for its double hashes. */
const HASHES: ReadonlyMap<number, (text: string) => Uint8Array> = new Map([
  [SHA2_256, (text) => hash('sha256', text, 'buffer')],
  [0x13, (text) => hash('sha512', text, 'buffer')],
  [0x14, (text) => hash('sha3-512', text, 'buffer')],
  [0x16, (text) => hash('sha3-256', text, 'buffer')],
  [0x1e, (text) => blake3(Buffer.from(text))],
  [0xb240, (text) => hash('blake2b512', text, 'buffer')],
  [0xb260, (text) => hash('blake2s256', text, 'buffer')],
])

export function isKnownHash(code: number): boolean {
  return HASHES.has(code)
}

export function keyFrom(digest: Uint8Array): Uint8Array {
  return digest.subarray(0, KEY_BYTES)
}

export function keyOfText(text: string, code = SHA2_256): Uint8Array {
  const digest = HASHES.get(code)?.(text)
  if (digest === undefined) throw new TypeError(`hash function ${code} is known`)
  return keyFrom(digest)
}

/** Codecs that the same bytes may be asked under; a legacy double hash names only one of them. */
const CODECS = [0x55, 0x70, 0x71, 0x72]

/** `path` without slashes around it; empty for the thing itself. */
export function contentText(multihash: Uint8Array, path: string): string {
  return withPath(base58btc.baseEncode(multihash), path)
}

/** A name is a CID of a key, or a domain. */
export function nameText(name: string, path: string): string {
  const multihash = parseMultihash(name)
  const tidy = multihash === undefined ? domainOf(name) : base58btc.baseEncode(multihash)
  return withPath(`/ipns/${tidy}`, path)
}

/** Gateways write the domain `my-site.example` as one label, `my--site-example`. */
function domainOf(name: string): string {
  const lower = name.toLowerCase()
  if (lower.includes('.')) return lower
  return lower.replace(/--?/g, (dashes) => (dashes === '--' ? '-' : '.'))
}

function withPath(text: string, path: string): string {
  return path === '' ? text : `${text}/${path}`
}

/** Every key under which a list may have named this content. */
export function contentKeys(cid: CID, path: string, hashCodes: Iterable<number>): Uint8Array[] {
  const text = contentText(cid.multihash.bytes, path)
  return [
    ...[...hashCodes].map((code) => keyOfText(text, code)),
    ...legacyKeys(cid.multihash.bytes, cid.code, path),
  ]
}

/** The same for a name that is resolved (`/ipns/NAME`): nobody asks for one yet. */
export function nameKeys(name: string, path: string, hashCodes: Iterable<number>): Uint8Array[] {
  const multihash = parseMultihash(name)
  const text = nameText(name, path)
  const modern = multihash === undefined ? text : contentText(multihash, path)
  const legacy =
    multihash === undefined
      ? [keyOfText(`${domainOf(name)}/${path}`)]
      : legacyKeys(multihash, 0x72, path)
  return [keyOfText(text), ...[...hashCodes].map((code) => keyOfText(modern, code)), ...legacy]
}

/** The older double hash: SHA-256 of the CIDv1 in base32, a slash, and the path. */
function legacyKeys(multihash: Uint8Array, codec: number, path: string): Uint8Array[] {
  const digest = Digest.decode(multihash)
  const codecs = CODECS.includes(codec) ? CODECS : [codec, ...CODECS]
  return codecs.map((code) => keyOfText(`${CID.createV1(code, digest).toString()}/${path}`))
}

const BASES: readonly { prefix: string; decode(text: string): Uint8Array }[] = [
  base16,
  base16upper,
  base32,
  base32upper,
  base36,
  base36upper,
  base58btc,
  base64,
  base64url,
]

/** The multihash that a CID of any version and base names, or that stands there by itself. */
export function parseMultihash(text: string): Uint8Array | undefined {
  if (text === '' || text.length > RULE_CID_LENGTH_MAX) return undefined
  try {
    const base = BASES.find(({ prefix }) => text.startsWith(prefix))
    if (base !== undefined) return CID.decode(base.decode(text)).multihash.bytes
  } catch {
    // A bare multihash may begin like a CID; and most names are neither.
  }
  return parseBareMultihash(text)?.bytes
}

/** A multihash in base58, as CIDv0 and PeerIds are written. */
export function parseBareMultihash(
  text: string,
): { code: number; digest: Uint8Array; bytes: Uint8Array } | undefined {
  if (text.length > RULE_CID_LENGTH_MAX) return undefined
  try {
    return Digest.decode(base58btc.baseDecode(text))
  } catch {
    // It is none: the caller says what it is instead.
    return undefined
  }
}

/** What has no content: blocking it would break folders and protocols, and help nobody. */
const EMPTY = new Set(
  [
    // The empty file as a raw block, inlined, as dag-pb, as dag-cbor and as dag-json.
    'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
    'bafkqaaa',
    'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH',
    'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua',
    'baguqeeraiqjw7i2vwntyuekgvulpp2det2kpwt6cd7tx5ayqybqpmhfk76fa',
    // The empty folder, and the same inlined.
    'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn',
    'bafyaabakaieac',
  ].map((text) => latin1(CID.parse(text).multihash.bytes)),
)

export function isEmptyContent(multihash: Uint8Array): boolean {
  return EMPTY.has(latin1(multihash))
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Without slashes around it. */
export function tidyPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, '')
}
