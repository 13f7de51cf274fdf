// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What two nodes tell each other first, on a connection that has proven both keys: where the bulk
 * server and the hello socket answer, and a share of the key that will authenticate the hellos.
 */
import { createHash, hkdfSync } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { z } from 'zod'
import { accept, isNodeName, type PeerId, publicKeyOf, reject, type Verdict } from '../base/base.ts'
import { HELLO_KEY_BYTES, HELLO_SESSION_BYTES } from './hello-message.ts'

export const GREETING_TOPIC = 'greet/1'
const SHARE_BYTES = 32
const PORT_MAX = 65_535
const VERSION_LENGTH_MAX = 32

const greetingSchema = z.object({
  /** Plain characters only: it is shown to people. */
  version: z
    .string()
    .max(VERSION_LENGTH_MAX)
    .regex(/^[\w.+-]*$/),
  /** TCP port of the authenticated HTTPS server; 0 when there is none. */
  httpsPort: z.int().min(0).max(PORT_MAX),
  /** UDP port for hellos; 0 when there is none. */
  helloPort: z.int().min(0).max(PORT_MAX),
  /**
   * As the node calls itself. Older nodes say nothing; what is no name is nothing either, as it is
   * no reason to lose a neighbour.
   */
  name: z
    .string()
    .default('')
    .transform((text) => (isNodeName(text) ? text : '')),
  share: z.instanceof(Uint8Array).refine((bytes) => bytes.length === SHARE_BYTES),
})

export type Greeting = z.infer<typeof greetingSchema>

export function encodeGreeting(greeting: Greeting): Uint8Array {
  return encode(greeting)
}

export function decodeGreeting(bytes: Uint8Array): Verdict<Greeting> {
  try {
    const parsed = greetingSchema.safeParse(decode(bytes))
    return parsed.success ? accept(parsed.data) : reject('not a greeting')
  } catch {
    // Not CBOR at all: the peer's fault, and nothing to learn from it.
    return reject('not CBOR')
  }
}

export interface HelloKeys {
  /** Names the session on the wire. */
  session: Uint8Array
  /** Authenticates what we send, and what we receive: one a direction, so nothing can be echoed. */
  sendKey: Uint8Array
  receiveKey: Uint8Array
}

/** Both ends derive the same keys; neither chooses them alone. */
export function helloKeys(
  mine: { peerId: PeerId; share: Uint8Array },
  theirs: { peerId: PeerId; share: Uint8Array },
): HelloKeys {
  const [first, second] = mine.peerId < theirs.peerId ? [mine, theirs] : [theirs, mine]
  const salt = createHash('sha256')
    .update(publicKeyOf(first.peerId))
    .update(publicKeyOf(second.peerId))
    .digest()
  const secret = Buffer.concat([first.share, second.share])
  const length = HELLO_SESSION_BYTES + 2 * HELLO_KEY_BYTES
  const derived = new Uint8Array(hkdfSync('sha256', secret, salt, 'citynode hello 1', length))
  const firstKey = derived.subarray(HELLO_SESSION_BYTES, HELLO_SESSION_BYTES + HELLO_KEY_BYTES)
  const secondKey = derived.subarray(HELLO_SESSION_BYTES + HELLO_KEY_BYTES)
  const isFirst = mine === first
  return {
    session: derived.subarray(0, HELLO_SESSION_BYTES),
    sendKey: isFirst ? firstKey : secondKey,
    receiveKey: isFirst ? secondKey : firstKey,
  }
}
