// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Everything that crosses a wire: the libp2p host, discovery, hellos, authenticated HTTPS, the dial
 * filter and the Guard port. The only room that imports libp2p.
 */

export { cityAddress, cityPrefix } from './city.ts'
export { CityNetwork, type CityNetworkDeps, type CityNetworkOptions } from './city-network.ts'
export * from './config.ts'
export { type Datagrams, UdpDatagrams } from './datagrams.ts'
export * from './guard.ts'
export * from './https/https.ts'
export type { LinkSamples } from './link-history.ts'
export { LinkWatch, type WatchedLink } from './link-watch.ts'
export * from './ports.ts'
export { choosePort } from './ports-free.ts'
export { Traffic } from './traffic.ts'
