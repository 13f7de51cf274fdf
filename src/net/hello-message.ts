// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The hello: 52 bytes by unicast UDP between confirmed neighbours. It proves the link alive in both
 * directions and carries what is needed for loss and round trip. Authenticated by a key that both
 * ends agreed on when they greeted over a proven connection, so nobody else can keep a dead link
 * alive or declare a live one dead.
 *
 * Layout: `CNH1`, session (8), sequence (4), hellos received from you (4), your last sequence (4),
 * µs since I received it (4), flags (4), reserved (4), HMAC-SHA-256 cut to 16.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { accept, reject, type Verdict } from '../base/base.ts'

export interface Hello {
  /** Counts up from 1 with each hello of a session. */
  sequence: number
  /** How many hellos of the other end came in during this session. */
  received: number
  /** The other end's newest sequence; 0 when none was heard. */
  echoSequence: number
  /** Microseconds between its arrival and this hello. */
  echoDelayUs: number
  /** Whether the sender hears the other end at all; a deaf end says so at once. */
  isHearing: boolean
}

export const HELLO_SESSION_BYTES = 8
export const HELLO_KEY_BYTES = 32
const MAGIC = Buffer.from('CNH1')
const BODY_BYTES = MAGIC.length + HELLO_SESSION_BYTES + 6 * 4
const MAC_BYTES = 16
export const HELLO_BYTES = BODY_BYTES + MAC_BYTES
const FLAG_HEARING = 1
const UINT32_MAX = 0xffff_ffff

export function encodeHello(session: Uint8Array, key: Uint8Array, hello: Hello): Uint8Array {
  const message = Buffer.alloc(HELLO_BYTES)
  MAGIC.copy(message)
  message.set(session, MAGIC.length)
  const words = [
    hello.sequence,
    hello.received,
    hello.echoSequence,
    Math.min(UINT32_MAX, Math.max(0, Math.round(hello.echoDelayUs))),
    hello.isHearing ? FLAG_HEARING : 0,
    0,
  ]
  words.forEach((word, index) => {
    message.writeUInt32BE(word, MAGIC.length + HELLO_SESSION_BYTES + index * 4)
  })
  message.set(macOf(key, message.subarray(0, BODY_BYTES)), BODY_BYTES)
  return message
}

/** The session a message claims, to look its key up; undefined when it is no hello. */
export function helloSession(bytes: Uint8Array): string | undefined {
  if (bytes.length !== HELLO_BYTES || !MAGIC.equals(bytes.subarray(0, MAGIC.length)))
    return undefined
  const session = bytes.subarray(MAGIC.length, MAGIC.length + HELLO_SESSION_BYTES)
  return Buffer.from(session).toString('hex')
}

export function decodeHello(key: Uint8Array, bytes: Uint8Array): Verdict<Hello> {
  if (bytes.length !== HELLO_BYTES) return reject('wrong length')
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const mac = macOf(key, message.subarray(0, BODY_BYTES))
  if (!timingSafeEqual(mac, message.subarray(BODY_BYTES))) return reject('wrong key')
  const word = (index: number): number =>
    message.readUInt32BE(MAGIC.length + HELLO_SESSION_BYTES + index * 4)
  return accept({
    sequence: word(0),
    received: word(1),
    echoSequence: word(2),
    echoDelayUs: word(3),
    isHearing: (word(4) & FLAG_HEARING) !== 0,
  })
}

function macOf(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest().subarray(0, MAC_BYTES)
}
