// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Everything that crosses a wire: the libp2p host, discovery, hellos, authenticated HTTPS, the dial
 * filter and the Guard port. The only room that imports libp2p.
 */
export * from './guard.ts'
export * from './ports.ts'
