// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The beacon: 48 bytes by IPv6 multicast that say "a node of this city is here". Unauthenticated:
 * a hint for whom to dial, nothing more.
 *
 * Layout: `CNB1`, city tag (8), Ed25519 public key (32), TCP port (2), flags (2).
 */
import {
  accept,
  ignore,
  type PeerId,
  peerIdFromPublicKey,
  publicKeyOf,
  reject,
  type Verdict,
} from '../base/base.ts'
import { CITY_TAG_BYTES } from './city.ts'

export interface Beacon {
  peerId: PeerId
  /** TCP port of the libp2p listener. */
  port: number
  /** True in the first beacons of a node that has just come up: please answer soon. */
  isNew: boolean
}

const MAGIC = Buffer.from('CNB1')
const KEY_AT = MAGIC.length + CITY_TAG_BYTES
const PORT_AT = KEY_AT + 32
export const BEACON_BYTES = PORT_AT + 4
const FLAG_NEW = 1

export function encodeBeacon(tag: Uint8Array, beacon: Beacon): Uint8Array {
  const message = Buffer.alloc(BEACON_BYTES)
  MAGIC.copy(message)
  message.set(tag, MAGIC.length)
  message.set(publicKeyOf(beacon.peerId), KEY_AT)
  message.writeUInt16BE(beacon.port, PORT_AT)
  message.writeUInt16BE(beacon.isNew ? FLAG_NEW : 0, PORT_AT + 2)
  return message
}

/** Longer messages are taken too: a later version may append. Other cities are ignored. */
export function decodeBeacon(tag: Uint8Array, bytes: Uint8Array): Verdict<Beacon> {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (message.length < BEACON_BYTES) return reject('too short')
  if (!message.subarray(0, MAGIC.length).equals(MAGIC)) return reject('not a beacon')
  if (!message.subarray(MAGIC.length, KEY_AT).equals(tag)) return ignore('another city')
  const port = message.readUInt16BE(PORT_AT)
  if (port === 0) return reject('no port')
  return accept({
    peerId: peerIdFromPublicKey(message.subarray(KEY_AT, PORT_AT)),
    port,
    isNew: (message.readUInt16BE(PORT_AT + 2) & FLAG_NEW) !== 0,
  })
}
