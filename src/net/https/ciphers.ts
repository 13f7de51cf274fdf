// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Which cipher a machine should ask for. With AES instructions AES-128-GCM is the fastest; without
 * them (Raspberry Pi up to the 4) ChaCha20-Poly1305 is about four times as fast as AES.
 */

const AES_128 = 'TLS_AES_128_GCM_SHA256'
const AES_256 = 'TLS_AES_256_GCM_SHA384'
const CHACHA20 = 'TLS_CHACHA20_POLY1305_SHA256'

/** The TLS 1.3 cipher suites, best first, in OpenSSL's notation. */
export function preferredCiphers(hasAes: boolean): string {
  const order = hasAes ? [AES_128, CHACHA20, AES_256] : [CHACHA20, AES_128, AES_256]
  return order.join(':')
}

/** Whether every processor that `/proc/cpuinfo` tells of has AES instructions (x86 and ARM). */
export function hasAesInstructions(cpuinfo: string): boolean {
  const flags = [...cpuinfo.matchAll(/^(?:flags|Features)\s*:(.*)$/gm)]
  return flags.length > 0 && flags.every(([, names]) => names?.split(/\s+/).includes('aes'))
}
