// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a city id stands for on the wire: protocol names, a tag, and an IPv6 prefix. */
import { createHash } from 'node:crypto'
import { type CityId, type PeerId, publicKeyOf } from '../base/base.ts'

/** Bytes of the city's hash in beacons: enough to tell cities apart, not a secret. */
export const CITY_TAG_BYTES = 8

/** The first bytes of SHA-256 over the city id. */
export function cityTag(city: CityId): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(`citynode city ${city}`).subarray(0, CITY_TAG_BYTES))
}

/** `have/1` → `/citynode/<city>/have/1`. */
export function cityProtocol(city: CityId, topic: string): string {
  return `/citynode/${city}/${topic}`
}

/** The mDNS service under which nodes of this city, and no others, look for each other. */
export function mdnsServiceTag(city: CityId): string {
  return `_citynode-${Buffer.from(cityTag(city)).toString('hex')}._udp.local`
}

/** The city's /48 inside fd00::/8, as CIDR (DESIGN section 4, Reach). */
export function cityPrefix(city: CityId): string {
  const hash = cityTag(city)
  const hex = `fd${Buffer.from(hash.subarray(0, 5)).toString('hex')}`
  return `${hex.slice(0, 4)}:${hex.slice(4, 8)}:${hex.slice(8, 12)}::/48`
}

/** A node's one address in the city: the prefix, a zero subnet and 64 bits of its key's hash. */
export function cityAddress(city: CityId, peerId: PeerId): string {
  const hex = sha256(publicKeyOf(peerId)).subarray(0, 8).toString('hex')
  const groups = [0, 4, 8, 12].map((start) => hex.slice(start, start + 4))
  return `${cityPrefix(city).replace('::/48', ':0')}:${groups.join(':')}`
}

function sha256(input: string | Uint8Array): Buffer {
  return createHash('sha256').update(input).digest()
}
